"""Writes a drafted overlay, for people to read and to go on with. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skillbox_core.base.placeholders import Element
from skillbox_core.skills.adopt_entrypoint import Entrypoint

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./*-]*\Z")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"})
_UNPRINTED = re.compile("[^\x20-\x7e\xa0-\u2027\u202f-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LINE = 300


def write(head: Sequence[str], entrypoints: Sequence[Entrypoint], requires: Sequence[str]) -> str:
    """The text of an overlay.

    Args:
        head: Comments at its beginning.
        requires: Commands that all of its entrypoints need.
    """
    lines = [*(_comment(line) for line in head)]
    if requires:
        lines.append(f"requires: [{', '.join(map(_scalar, requires))}]")
    if entrypoints:
        lines.append("entrypoints:")
    for entrypoint in entrypoints:
        lines += [f"  {line}" if line else "" for line in _entrypoint(entrypoint)]
    return "\n".join(lines) + "\n"


def _entrypoint(entrypoint: Entrypoint) -> Iterator[str]:
    yield f"{_scalar(entrypoint.name)}:"
    if entrypoint.description:
        yield f"  description: {_scalar(entrypoint.description)}"
    yield f"  script: {_scalar(entrypoint.script)}"
    if entrypoint.args:
        yield "  args:"
        yield from (f"    - {_element(element)}" for element in entrypoint.args)
    for line in entrypoint.left_out:
        yield f"  {_comment(f'left out, {line}')}"
    for line in entrypoint.doubts:
        yield f"  {_comment(f'look at this: {line}')}"
    if entrypoint.stdin:
        yield f"  stdin: {_scalar(entrypoint.stdin)}"
    if entrypoint.ok_exit_codes:
        yield f"  ok_exit_codes: [{', '.join(map(str, entrypoint.ok_exit_codes))}]"
    if entrypoint.result != "auto":
        yield f"  result: {_scalar(entrypoint.result)}"
    if entrypoint.edit:
        yield "  edit: true"
    if entrypoint.input_files:
        yield f"  input_files: [{', '.join(map(_scalar, entrypoint.input_files))}]"
    if entrypoint.properties:
        yield "  input_schema:"
        yield "    type: object"
        if entrypoint.required:
            yield f"    required: [{', '.join(map(_scalar, entrypoint.required))}]"
        if entrypoint.together:
            yield f"    dependentRequired: {_flow(entrypoint.together)}"
        # A mistyped field would else be one that is left out.
        yield "    additionalProperties: false"
        yield "    properties:"
        yield from (f"      {_scalar(name)}: {_flow(schema)}" for name, schema in entrypoint.properties.items())


def _element(element: Element) -> str:
    return _scalar(element) if isinstance(element, str) else f"[{', '.join(map(_dumped, element))}]"


def _comment(text: str) -> str:
    return "# " + _UNPRINTED.sub("?", text)[:_LINE]


def _scalar(text: str) -> str:
    if _PLAIN.match(text) and text.lower() not in _WORDS:
        return text
    return _dumped(text)


def _dumped(text: str) -> str:
    return _UNPRINTED.sub(_escaped, json.dumps(text.replace("\0", "\ufffd"), ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    # Half a character is one that no file can have.
    return "\\ufffd" if "\ud800" <= found[0] <= "\udfff" else f"\\u{ord(found[0]):04x}"


def _flow(value: Any) -> str:
    """A schema on one line; what stands in it unquoted is JSON."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value) if not isinstance(value, str) else _quoted(value)


def _quoted(text: str) -> str:
    # A word that is a number or a switch to JSON stays text only in quotes.
    plain = re.fullmatch(r"[a-z]+", text) and text not in _WORDS
    return text if plain else _dumped(text)
