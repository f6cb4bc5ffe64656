"""What `adopt` drafts for the corpus, held against the calls of the table."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    wanted = [flags.get(part, part) for part in _split(asked.args)]
    templates = _split(entry.call.args)
    wanted = _in_order(wanted, templates)
    if templates == ["{files}"]:
        if sorted(wanted) != [f"{FILES}/{name}" for name in sorted(case.files)] or not wanted:
            return "other arguments"
        wanted, templates = [], []
    if len(wanted) != len(templates):
        return "other arguments"
    fields: dict[str, Any] = {}
    names: dict[str, str] = {name: name for name in case.files}
    renamed: dict[str, str] = {}
    base = EDITED if call.edit else FILES
    for template, text in zip(templates, wanted, strict=True):
        if template.startswith("{file:") and text.startswith(f"{base}/"):
            own, name = template[6:-1], text.removeprefix(f"{base}/")
            moved = {one: own + one[len(name) :] for one in names if one == name or one.startswith(f"{name}/")}
            names |= moved
            renamed |= {new: old for old, new in moved.items()}
        elif template.startswith("{out}/") and text.startswith(f"{OUT}/"):
            renamed[template[6:]] = text.removeprefix(f"{OUT}/")
        elif template.startswith("{input."):
            fields[template[7:-1]] = _value(entry, template[7:-1], text)
        elif template != text:
            return "other arguments"
    given: Any = fields
    stdin = asked.stdin or ""
    if entry.call.stdin == "{input}":
        given = json.loads(stdin or "null")
    elif entry.call.stdin:
        fields[entry.call.stdin[7:-1]] = stdin
    elif stdin:
        return "no standard input"
    files = {names[name]: text for name, text in case.files.items()}
    # Expanded as a run does it: what is aligned wrongly shows here.
    made = invoke(entry.call, json.dumps(given), list(files), _LIMIT)
    if entry.call.args != ("{files}",) and [*map(_same, _in_order(_split(made.args), templates))] != [
        _same(_renamed(text, names, renamed, base)) for text in wanted
    ]:
        return "other arguments when it is expanded"
    if made.edit != asked.edit or case.exit_code not in entry.call.ok_exit_codes:
        return "other answers"
    return Given(entry, given, files, renamed)


def _split(args: Any) -> list[str]:
    """`--name=value` and `--name value` are one to all that read options."""
    parts: list[str] = []
    for one in args:
        flag, equals, value = one.partition("=")
        parts += [flag, value] if equals and flag.startswith("--") else [one]
    return parts


def _in_order(args: list[str], templates: list[str]) -> list[str]:
    """Options in the order of the draft, which no reader of options minds."""
    rest, taken = list(args), []
    for flag in [one for one in templates if one.startswith("-")]:
        if flag in rest[:-1]:
            at = rest.index(flag)
            taken += rest[at : at + 2]
            del rest[at : at + 2]
    words = next((number for number, one in enumerate(templates) if one.startswith("-")), 0)
    return rest[:words] + taken + rest[words:] if taken else rest


def _value(entry: EntryPoint, name: str, text: str) -> Any:
    schema: Any = (entry.input_schema or {}).get("properties", {})
    kind = schema.get(name, {}).get("type", "json")
    try:
        return text if kind == "string" else json.loads(text)
    except ValueError:
        return text


def _same(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _renamed(text: str, names: Mapping[str, str], renamed: Mapping[str, str], base: str) -> str:
    for new, old in renamed.items():
        for folder in (FILES, OUT):
            if text == f"{folder}/{old}":
                return f"{folder}/{new}"
    folders = {f"{base}/{old.partition('/')[0]}": f"{base}/{new.partition('/')[0]}" for new, old in renamed.items()}
    return folders.get(text, text)
