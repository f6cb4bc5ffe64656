"""From what is known of a script's usage to an entrypoint of an overlay, with what is left out and why. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from skillbox_core.skills.adopt_reading import Argument, Reading, Usage

_FIELD = re.compile(r"[^A-Za-z0-9_]+")
_TYPES = {"text": "string", "integer": "integer", "number": "number"}
_HELP = 200


@dataclass(frozen=True)
class Entrypoint:
    """An entrypoint as it is drafted.

    Attributes:
        left_out: Sentences on what it lacks; beside them the templates that would add it.
        doubts: Sentences on what could not be told.
    """

    name: str
    script: str
    args: tuple[str, ...] = ()
    stdin: str = ""
    ok_exit_codes: tuple[int, ...] = ()
    result: str = "auto"
    edit: bool = False
    description: str = ""
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    input_files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def draft(name: str, script: str, reading: Reading, usage: Usage) -> Entrypoint:
    """The entrypoint for one way to call a script: with what it must be given, and no more.

    A template can't leave its argument out, so what is optional is named in a comment.
    """
    made = _Draft()
    for argument in _in_order(usage.arguments):
        made.take(argument)
    stdin = ""
    if reading.stdin == "text":
        stdin = "{input." + made.field("text", {"type": "string"}) + "}"
    elif reading.stdin == "json":
        stdin = "{input." + made.field("document", {}) + "}" if made.properties else "{input}"
    codes = tuple(sorted({0, *reading.codes})) if reading.codes else ()
    if codes:
        made.doubts.append("exit code 1 is taken for an answer, because it depends on what was found")
    return Entrypoint(
        name,
        script,
        args=tuple(made.args),
        stdin=stdin,
        ok_exit_codes=codes,
        result=f"file:{made.result}" if made.result else f"file:{reading.writes}" if reading.writes else reading.result,
        edit=made.edit,
        description=" ".join(usage.description.split())[:_HELP],
        properties=made.properties,
        input_files=tuple(made.files),
        left_out=tuple(made.left_out),
        doubts=(*made.doubts, *reading.doubts),
    )


def _in_order(arguments: Sequence[Argument]) -> list[Argument]:
    """Options before what has a position, between one word of a subcommand and the next."""
    levels = [sum(1 for one in arguments[: at + 1] if one.word) for at in range(len(arguments))]
    ranked = sorted(range(len(arguments)), key=lambda at: (levels[at], not arguments[at].word, not arguments[at].flag))
    return [arguments[at] for at in ranked]


class _Draft:
    def __init__(self) -> None:
        self.args: list[str] = []
        self.properties: dict[str, dict[str, Any]] = {}
        self.files: list[str] = []
        self.result = ""
        self.edit = False
        self.left_out: list[str] = []
        self.doubts: list[str] = []
        self._written: set[str] = set()
        self._optional = False

    def take(self, argument: Argument) -> None:
        if argument.word:
            self.args.append(_text(argument.word))
            return
        if argument.switch or not argument.required or (self._optional and not argument.flag):
            self.left_out.append(_optional(argument))
            # What stands behind a position that is left out would take its place.
            self._optional = self._optional or not argument.flag
            return
        templates = self._templates(argument)
        if argument.flag and len(templates) == 1 and argument.flag.startswith("--") and argument.count == 1:
            # A value that begins with a dash is one here, and no option.
            self.args.append(f"{_text(argument.flag)}={templates[0]}")
        else:
            self.args += [_text(argument.flag), *templates] if argument.flag else templates

    def _templates(self, argument: Argument) -> list[str]:
        name = _named(argument.name)
        if argument.guessed:
            what = {"write": "a file to write", "folder": "a folder"}.get(argument.use, "a file to read")
            self.doubts.append(f"{name} is taken for {what} by its name")
        if argument.use == "write":
            return ["{out}"] if argument.into else [self._write(name, argument)]
        if argument.use != "value":
            self.edit = self.edit or argument.use == "edit"
            if argument.several and not argument.flag:
                self.files.append("*")
                return ["{files}"]
            file = name + "".join(argument.endings[:1]) if argument.use != "folder" else name
            if len(argument.endings) > 1 and argument.use != "folder":
                others = ", ".join(argument.endings[1:])
                self.doubts.append(f"the script looks at the ending of {file}, which may be {others} instead")
            self.files.append(f"{name}/*" if argument.use == "folder" else file)
            return ["{file:" + file + "}"]
        schema = _schema(argument)
        if argument.count > 1:
            items = {"type": "array", "items": schema, "minItems": argument.count, "maxItems": argument.count}
            key = self.field(name, items)
            return ["{input." + f"{key}.{number}" + "}" for number in range(argument.count)]
        if argument.several:
            self.doubts.append(f"{name} may be given several times: this draft gives one, add a template for each more")
        return ["{input." + self.field(name, schema) + "}"]

    def _write(self, name: str, argument: Argument) -> str:
        file = f"{name}{argument.ending or ('' if argument.binary else '.txt')}"
        while file in self._written:
            file = f"another-{file}"
        if not self._written and not argument.binary and not argument.several and not argument.guessed:
            self.result = file
        self._written.add(file)
        return "{out}/" + file

    def field(self, name: str, schema: dict[str, Any]) -> str:
        """Adds a field of the input, under a name that is free."""
        key, number = name, 2
        while key in self.properties:
            key, number = f"{name}{number}", number + 1
        self.properties[key] = schema
        return key


def _schema(argument: Argument) -> dict[str, Any]:
    if argument.choices:
        return {"enum": list(argument.choices)}
    said = {"description": " ".join(argument.help.split())[:_HELP]} if argument.help else {}
    return {**({"type": _TYPES[argument.kind]} if argument.kind in _TYPES else {}), **said}


def _optional(argument: Argument) -> str:
    name = _named(argument.name)
    if argument.switch:
        return f'a switch: "{_text(argument.flag)}"'
    template = "{file:" + name + "}" if argument.use in ("read", "folder", "edit") else "{input." + name + "}"
    if argument.use == "write":
        template = "{out}/" + name + (argument.ending or ".txt")
    text = f"{_text(argument.flag)}={template}" if argument.flag.startswith("--") else template
    if argument.flag and not argument.flag.startswith("--"):
        text = f'{_text(argument.flag)}", "{template}'
    default = f", by default {argument.default}" if argument.default else ""
    return f'optional{default}: "{text}"'


def _named(name: str) -> str:
    """A name of the script's own as a field of the input and as a file is called."""
    return _FIELD.sub("_", name).strip("_")[:40] or "value"


def _text(text: str) -> str:
    """A text of the script's own as a template has it."""
    return text.replace("{", "{{").replace("}", "}}")


def entrypoint_names(scripts: Sequence[tuple[str, tuple[str, ...]]], slug: Any) -> list[str]:
    """A name for each way to call a script: its file's, and its subcommand's.

    Args:
        scripts: Paths with the words of a subcommand.
        slug: Makes a name of a text; None where it can't.
    """
    names: list[str] = []
    for path, words in scripts:
        stem = path.rpartition("/")[2].partition(".")[0]
        name = slug("-".join((stem.replace("_", "-"), *words))) or "script"
        if name in names:
            name = slug(re.sub(r"[/._]+", "-", path)) or name
        number, free = 2, name
        while free in names:
            free, number = f"{name[:58]}-{number}", number + 1
        names.append(free)
    return names
