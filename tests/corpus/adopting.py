"""What `adopt` drafts for the corpus, held against the calls of the table."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from skillbox_core.base.placeholders import Element, File, If, Input, Out, Part, is_several, parse
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import Call
from skillbox_core.run.calling import invoke
from skillbox_core.skills.adopt import Draft, adopt
from skillbox_core.skills.overlay import EntryPoint, Overlay, parse_overlay
from skillbox_core.skills.package import package
from tests.corpus.table import CORPUS, SKILLS, Case

FILES = "/sandbox/in/files"
EDITED = OUT = "/sandbox/out/files"
_LIMIT = 10**6


@dataclass(frozen=True)
class Given:
    """How a draft's entrypoint is called to do what a call of the table does.

    Attributes:
        files: The table's files, under the names that the draft has for them.
        renamed: The draft's names of files that are left, and the table's.
    """

    entry: EntryPoint
    input: Any
    files: Mapping[str, str]
    renamed: Mapping[str, str]


def table() -> dict[str, Any]:
    return tomllib.loads((CORPUS / "adopted.toml").read_text("utf-8"))


def drafted(skill: str, folder: Path) -> tuple[Draft, Overlay]:
    """The draft for a skill of the corpus, and what its reader makes of it."""
    draft = adopt(package(SKILLS / skill, folder / f"{skill}.zip", 10**8, prepare=False))
    return draft, parse_overlay(draft.text.encode())


def reach(case: Case, overlay: Overlay, flags: Mapping[str, str]) -> Given | str:
    """The draft's way to do what a call does, or why there is none.

    Args:
        flags: Names of one option: the call's, and the draft's.
    """
    found: Given | str = "no entrypoint"
    for entry in overlay.entrypoints.values():
        if entry.call.script == case.call["script"]:
            found = _reach(case, entry, flags)
            if isinstance(found, Given):
                return found
    return found


def _reach(case: Case, entry: EntryPoint, flags: Mapping[str, str]) -> Given | str:
    call = Call.model_validate(dict(case.call))
    asked = invoke(call, json.dumps({} if case.input is None else case.input), list(case.files), _LIMIT)
    base = EDITED if call.edit else FILES
    taken = _Taken(entry, {name: name for name in case.files}, base)
    arity = {one.flag: one.values for one in map(_read, entry.call.args) if one.flag}
    options, positions = _split([flags.get(part, part) for part in asked.args], arity)
    if not taken.options(options) or not taken.positions(positions):
        return "other arguments"
    given: Any = taken.fields
    stdin = asked.stdin or ""
    if entry.call.stdin == "{input}":
        given = json.loads(stdin or "null")
    elif entry.call.stdin and (stdin or not entry.call.stdin.endswith("?}")):
        key = entry.call.stdin[7:-1].removesuffix("?")
        taken.fields[key] = stdin if key == "text" else json.loads(stdin)
    elif stdin:
        return "no standard input"
    files = {taken.names[name]: text for name, text in case.files.items()}
    # Expanded as a run does it: what is aligned wrongly shows here.
    try:
        made = invoke(entry.call, json.dumps(given), list(files), _LIMIT)
    except InvalidRequestError as error:
        return str(error)
    wanted = [taken.renamed_path(flags.get(part, part)) for part in asked.args]
    if _told(_split(made.args, arity)) != _told(_split(wanted, arity)):
        return "other arguments when it is expanded"
    if made.edit != asked.edit or case.exit_code not in entry.call.ok_exit_codes:
        return "other answers"
    return Given(entry, given, files, taken.renamed)


@dataclass(frozen=True)
class _Element:
    """What a draft's element takes of a command line.

    Attributes:
        templates: Of its values.
        values: Their number; None for any.
    """

    flag: str
    templates: tuple[str, ...]
    values: int | None


def _read(element: Element) -> _Element:
    templates = (element,) if isinstance(element, str) else element
    first = parse(templates[0])
    if isinstance(first[0], If):
        return _Element(str(first[1]), (templates[0],), 0)
    flag, equals, value = templates[0].partition("=")
    if flag.startswith("--") and equals:
        templates = (value,)
    elif flag.startswith("-"):
        templates = templates[1:]
    else:
        flag = ""
    several = any(is_several(part) for template in templates for part in parse(template))
    return _Element(flag, templates, None if several and not equals else len(templates))


_Split: TypeAlias = tuple[list[tuple[str, list[str]]], list[str]]


def _split(args: Sequence[str], arity: Mapping[str, int | None]) -> _Split:
    """Options with their values, and what has a position: `--name=value` and `--name value` are one to all readers."""
    options: list[tuple[str, list[str]]] = []
    positions: list[str] = []
    rest = list(args)
    while rest:
        part = rest.pop(0)
        flag, equals, value = part.partition("=")
        if flag not in arity:
            positions.append(part)
        elif equals:
            options.append((flag, [value]))
        else:
            number = arity[flag]
            options.append((flag, rest[:number]))
            rest = [] if number is None else rest[number:]
    return options, positions


def _told(split: _Split) -> tuple[list[str], list[Any]]:
    """Options in any order, and values as a script that turns them into numbers has them."""
    options, positions = split
    return sorted(f"{flag} {[*map(_same, values)]}" for flag, values in options), [*map(_same, positions)]


class _Taken:
    """An input and files that make a draft's elements the arguments of a call.

    Attributes:
        names: The draft's name of each file of the call.
        renamed: Names of files that are left: the draft's, and the call's.
    """

    def __init__(self, entry: EntryPoint, names: dict[str, str], base: str) -> None:
        self.fields: dict[str, Any] = {}
        self.names = names
        self.renamed: dict[str, str] = {}
        self._entry, self._base = entry, base
        self._elements = [*map(_read, entry.call.args)]

    def options(self, options: Sequence[tuple[str, list[str]]]) -> bool:
        return all(
            self._take(element, values)
            for flag, values in options
            for element in self._elements
            if element.flag == flag
        )

    def positions(self, values: Sequence[str]) -> bool:
        """Gives each element its values: what must be given has them first, then what stands before."""
        elements = [element for element in self._elements if not element.flag]
        rest = list(values)
        for number, element in enumerate(elements):
            behind = sum(1 for one in elements[number + 1 :] if _needed(one))
            spare = max(0, len(rest) - behind)
            count = spare if element.values is None else min(spare, element.values)
            if not self._take(element, rest[:count]):
                return False
            del rest[:count]
        return not rest

    def _take(self, element: _Element, values: Sequence[str]) -> bool:
        if element.values == 0:
            (switch,) = [part for part in parse(element.templates[0]) if isinstance(part, If)]
            self.fields[switch.path[0]] = True
            return True
        if element.values is None:
            (part,) = [part for part in parse(element.templates[0]) if is_several(part)]
            if isinstance(part, Input):
                self.fields[part.path[0]] = [self._value(part.path[0], value) for value in values]
            return True
        if not values:
            return not _needed(element)
        return all(self._is(parse(template), text) for template, text in zip(element.templates, values, strict=True))

    def _is(self, parts: tuple[Part, ...], text: str) -> bool:
        match parts:
            case (File(name),) if text.startswith(f"{self._base}/"):
                old = text.removeprefix(f"{self._base}/")
                moved = {one: name + one[len(old) :] for one in self.names if one == old or one.startswith(f"{old}/")}
                self.names |= moved
                self.renamed |= {new: one for one, new in moved.items()}
            case (Input((key, *_)),):
                self.fields[key] = self._value(key, text)
            case (Out(), str(name)) if text.startswith(f"{OUT}/"):
                self.renamed[name[1:]] = text.removeprefix(f"{OUT}/")
            case (Out(), "/", Input((key,))) if text.startswith(f"{OUT}/"):
                self.fields[key] = text.removeprefix(f"{OUT}/")
            case (str(word),):
                return word == text
            case _:
                return False
        return True

    def _value(self, name: str, text: str) -> Any:
        schema: Any = (self._entry.input_schema or {}).get("properties", {}).get(name, {})
        schema = schema.get("items", schema)
        if schema.get("type") == "string" or text in schema.get("enum", ()):
            return text
        return _same(text)

    def renamed_path(self, text: str) -> str:
        """An argument of the call, with the draft's names of its files."""
        for new, old in self.renamed.items():
            for of_call, of_draft in ((old, new), (old.partition("/")[0], new.partition("/")[0])):
                for folder in (FILES, OUT):
                    if text.endswith(f"{folder}/{of_call}"):
                        return text.removesuffix(of_call) + of_draft
        return text


def _needed(element: _Element) -> bool:
    parts = [part for template in element.templates for part in parse(template)]
    return not any(is_several(part) or getattr(part, "optional", False) for part in parts)


def _same(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
