"""From what is known of a script's usage to an entrypoint of an overlay, with what is left out and why. Pure.

What a script must be given is required of the input; everything else may be missing there, and is left out then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from skillbox_core.base.placeholders import Element, Input, parse
from skillbox_core.skills.adopt_reading import Argument, Reading, Usage

_FIELD = re.compile(r"[^A-Za-z0-9_]+")
_TYPES = {"text": "string", "integer": "integer", "number": "number"}
_HELP = 200


@dataclass(frozen=True)
class Entrypoint:
    """An entrypoint as it is drafted.

    Attributes:
        properties: Fields of the input, with their schemas.
        required: Those that must be given.
        together: Fields that are given only with others: what has a position, with what stands before it.
        left_out: Sentences on what it lacks.
        doubts: Sentences on what could not be told.
    """

    name: str
    script: str
    args: tuple[Element, ...] = ()
    stdin: str = ""
    ok_exit_codes: tuple[int, ...] = ()
    result: str = "auto"
    edit: bool = False
    description: str = ""
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    together: dict[str, list[str]] = field(default_factory=dict)
    input_files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def draft(name: str, script: str, reading: Reading, usage: Usage) -> Entrypoint:
    """The entrypoint for one way to call a script."""
    made = _Draft(usage.arguments)
    for argument in _in_order(usage.arguments):
        made.take(argument)
    stdin = ""
    if reading.stdin == "text":
        # A file that may be given is read instead of it.
        instead = any(one.use == "read" and not one.required for one in usage.arguments)
        stdin = made.input("text", {"type": "string"}, required=not instead)
    elif reading.stdin == "json":
        stdin = made.input("document", {}, required=True) if made.properties else "{input}"
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
        required=tuple(made.required),
        together=made.together,
        input_files=tuple(made.files),
        left_out=tuple(made.left_out),
        doubts=(*made.doubts, *reading.doubts),
    )


def _in_order(arguments: Sequence[Argument]) -> list[Argument]:
    """Options before what has a position, and those that take all behind them last, between one word and the next."""
    levels = [sum(1 for one in arguments[: at + 1] if one.word) for at in range(len(arguments))]

    def rank(at: int) -> tuple[int, int]:
        one = arguments[at]
        return levels[at], 0 if one.word else 3 if _takes_all(one) else 1 if one.flag else 2

    return [arguments[at] for at in sorted(range(len(arguments)), key=rank)]


def _takes_all(argument: Argument) -> bool:
    """Whether it is an option that takes whatever stands behind it, up to the next one."""
    return bool(argument.flag) and argument.several and not argument.each


class _Draft:
    def __init__(self, arguments: Sequence[Argument]) -> None:
        self.args: list[Element] = []
        self.properties: dict[str, dict[str, Any]] = {}
        self.required: list[str] = []
        self.together: dict[str, list[str]] = {}
        self.files: list[str] = []
        self.result = ""
        self.edit = False
        self.left_out: list[str] = []
        self.doubts: list[str] = []
        self._written: set[str] = set()
        self._words = sum(1 for one in arguments if one.word)
        files = [one for one in arguments if one.use in ("read", "folder", "edit")]
        self._only_file = len(files) == 1
        self._all_files = any(one.several and not one.flag and one.required for one in files)
        self._before = ""
        """The last argument by position that may be left out."""

    def take(self, argument: Argument) -> None:
        if argument.word:
            self._words -= 1
            self.args.append(_text(argument.word))
        elif argument.switch:
            schema = {"type": "boolean", **_said(argument.help)}
            switch = self.input(_named(argument.flag), schema, required=False, how="{{if {}}}")
            self.args.append(switch + _text(argument.flag))
        elif why := self._why_not(argument):
            self.left_out.append(f"{_text(argument.flag) or _named(argument.name)}: {why}")
        else:
            templates = self._templates(argument)
            self.args += _elements(argument, templates)
            if not argument.flag:
                self._follow(argument, templates)

    def _why_not(self, argument: Argument) -> str:
        """Why an argument that may be left out is left out; empty where it is not."""
        if _takes_all(argument) and self._words:
            return "it takes all that stands behind it, and so the subcommand"
        if argument.required:
            return ""
        if argument.use == "write" and argument.several:
            return "it names any number of files to write"
        if argument.use in ("read", "folder", "edit"):
            if argument.several and not self._only_file:
                return "it names any number of files, and others have a meaning of their own"
            if self._all_files:
                return "it names a file, and another argument takes all that there are"
        return ""

    def _templates(self, argument: Argument) -> list[str]:
        name = _named(argument.name)
        if argument.guessed:
            what = {"write": "a file to write", "folder": "a folder"}.get(argument.use, "a file to read")
            self.doubts.append(f"{name} is taken for {what} by its name")
        if argument.use == "write":
            return [self._into(name, argument) if argument.into else self._write(name, argument)]
        if argument.use != "value":
            return [self._read(name, argument)]
        schema, required = _schema(argument), argument.required
        if argument.count > 1:
            items = {"type": "array", "items": schema, "minItems": argument.count, "maxItems": argument.count}
            key = self.field(name, items, required=required)
            return ["{input." + f"{key}.{number}" + _mark(argument) + "}" for number in range(argument.count)]
        if argument.several:
            array = {"type": "array", "items": schema, **({"minItems": argument.least} if argument.least else {})}
            return [self.input(name, array, required=required, how="{{{}...}}" if required else "{{{}...?}}")]
        return [self.input(name, schema, required=required)]

    def _read(self, name: str, argument: Argument) -> str:
        self.edit = self.edit or argument.use == "edit"
        if argument.several and (self._only_file or not argument.flag):
            if argument.required:
                self.files.append("*")
            return "{files}"
        endings = argument.endings if argument.use != "folder" else ()
        file = name + "".join(endings[:1])
        if len(endings) > 1:
            others = ", ".join(endings[1:])
            self.doubts.append(f"the script looks at the ending of {file}, which may be {others} instead")
        if argument.required:
            self.files.append(f"{name}/*" if argument.use == "folder" else file)
        return "{file:" + file + _mark(argument) + "}"

    def _into(self, name: str, argument: Argument) -> str:
        """A folder that must be there: that of the result's files, where it is wanted."""
        if argument.required:
            return "{out}"
        schema = {"type": "boolean", **_said(argument.help or "Whether it writes into the result's files")}
        return self.input(name, schema, required=False, how="{{if {}}}") + "{out}"

    def _write(self, name: str, argument: Argument) -> str:
        if not argument.required:
            said = _said(argument.help or "Name of the file that it writes")
            schema = {"type": "string", "pattern": "^[^/]+$", **said}
            return "{out}/" + self.input(name, schema, required=False)
        file = f"{name}{argument.ending or ('' if argument.binary else '.txt')}"
        while file in self._written:
            file = f"another-{file}"
        if not self._written and not argument.binary and not argument.several and not argument.guessed:
            self.result = file
        self._written.add(file)
        return "{out}/" + file

    def _follow(self, argument: Argument, templates: Sequence[str]) -> None:
        """Keeps what has a position from taking the place of one before it that is not given."""
        own = next((part.path[0] for part in parse(templates[0]) if isinstance(part, Input)), "")
        name = own or _named(argument.name)
        if self._before and not argument.required and own in self.properties and self._before in self.properties:
            self.together[own] = [self._before]
        elif self._before and (argument.several or not argument.required):
            self.doubts.append(f"{name} stands behind {self._before}: where that is not given, it takes its place")
        if not argument.required:
            self._before = name

    def input(self, name: str, schema: dict[str, Any], *, required: bool, how: str = "") -> str:
        """Adds a field of the input, and returns its placeholder."""
        key = self.field(name, schema, required=required)
        return (how or ("{{{}}}" if required else "{{{}?}}")).format(f"input.{key}")

    def field(self, name: str, schema: dict[str, Any], *, required: bool) -> str:
        """Adds a field of the input, under a name that is free."""
        key, number = name, 2
        while key in self.properties:
            key, number = f"{name}{number}", number + 1
        self.properties[key] = schema
        if required:
            self.required.append(key)
        return key


def _elements(argument: Argument, templates: Sequence[str]) -> list[Element]:
    """An argument's templates with its flag: groups where several arguments are left out together."""
    flag = _text(argument.flag)
    if not flag and (len(templates) == 1 or argument.required):
        return list(templates)
    if flag and len(templates) == 1 and not _takes_all(argument):
        # A value that begins with a dash is one here, and no option.
        if flag.startswith("--") and not argument.apart and not templates[0].startswith("{if "):
            return [f"{flag}={templates[0]}"]
        if argument.each:
            # A single letter and its value are one word; a longer name needs its mark, as after two dashes.
            return [f"{flag}{'=' if len(flag) > 2 else ''}{templates[0]}"]
    group = (*((flag,) if flag else ()), *templates)
    return list(group) if argument.required and not _takes_all(argument) else [group]


def _mark(argument: Argument) -> str:
    return "" if argument.required else "?"


def _schema(argument: Argument) -> dict[str, Any]:
    said = _said(argument.help)
    if argument.default not in ("", "None", "''") and "default" not in argument.help.lower():
        usual = f"by default {argument.default}"
        said = _said(f"{argument.help} ({usual})" if argument.help else usual)
    if argument.choices:
        return {"enum": list(argument.choices), **said}
    return {**({"type": _TYPES[argument.kind]} if argument.kind in _TYPES else {}), **said}


def _said(text: str) -> dict[str, str]:
    return {"description": " ".join(text.split())[:_HELP]} if text else {}


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
