"""A strict reader for the YAML between the `---` lines of a SKILL.md.

It takes the part of YAML that people mean when they write front matter: mappings, lists and scalars. Every
scalar stays the text it is, so `1.10` is not 1.1, `on` is not true and `1:30` is not 90. Only inside the keys
that hold JSON (`input_schema`, `output_schema`) is an unquoted scalar that JSON could read - `true`, `false`,
`null`, a number - that value; `on`, `012` and whatever is quoted are text there too, so JSON can be pasted as
it is. What could surprise or harm is refused: anchors and aliases (bombs), tags (types), several documents,
duplicate keys.

The parser's events are read in a loop, not by recursion, so depth costs nothing before it is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.open_format import quote_colons

MAX_FRONT_MATTER = 64 * 1024
MAX_DEPTH = 16

JSON_KEYS = frozenset({"input_schema", "output_schema"})

Node: TypeAlias = "str | bool | int | float | list[Node] | dict[str, Node] | None"
"""A value as read; other scalars than text are only inside `JSON_KEYS`."""


@dataclass(frozen=True)
class Document:
    """Where YAML is read from.

    Attributes:
        invalid: Begins the sentences about what is wrong.
        called: What it is called in them.
        file: What the file is called that it stands in.
        first_line: Number of its first line in its file.
        json_level: Level of the keys that hold JSON; 1 is the document's own.
        empty_items: A plain `~` or `null` in a list is nothing, as it is for a key.
    """

    invalid: str = "invalid skill"
    called: str = "the front matter"
    file: str = "SKILL.md"
    first_line: int = 2
    json_level: int = 1
    empty_items: bool = True


FRONT_MATTER = Document()
_FENCE = "---"
_NO_LINE_ENDS = "\x85\u2028\u2029"
_REQUIRED_TEXT = ("name", "description")
"""Keys whose value is text whatever it looks like: `null` is a name too."""
_JSON_SCALAR = re.compile(r"(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\Z")


class UnreadableError(InvalidSkillError):
    """Not one document of YAML between two fences, so that another reading may be tried."""


def read_skill_md(text: str) -> tuple[dict[str, Node], str, tuple[str, ...]]:
    """The front matter of a SKILL.md, its body, and warnings about how the one was told from the other.

    Leading blank lines, CRLF and a byte-order mark are fine.

    Raises:
        InvalidSkillError: No front matter, one that never ends, or more of YAML than is taken here.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").lstrip("\n \t")
    try:
        head, body = split(text)
        fields, warnings = read(head)
    except UnreadableError:
        # The format's reference library ends front matter at the next three dashes, wherever they stand.
        before, *rest = text.split(_FENCE, 2)
        if before or len(rest) < 2:
            raise
        try:
            fields, warnings = read(rest[0])
        except UnreadableError:
            pass
        else:
            return fields, rest[1].strip("\n"), (*warnings, "the front matter ends at three dashes inside a line")
        raise
    return fields, body, warnings


def split(text: str) -> tuple[str, str]:
    """Splits a SKILL.md into its front matter and its body, at lines of three dashes.

    Raises:
        UnreadableError: No front matter, or one that never ends.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE:
        raise UnreadableError("invalid skill: SKILL.md must begin with front matter between '---' lines")
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == _FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]).strip("\n")
    raise UnreadableError("invalid skill: the front matter of SKILL.md has no closing '---' line")


def read(front_matter: str) -> tuple[dict[str, Node], tuple[str, ...]]:
    """The front matter as a mapping of text, lists and mappings; of JSON values under `JSON_KEYS`; and warnings.

    Raises:
        UnreadableError: Not YAML, or several documents of it.
        InvalidSkillError: Not a mapping, or more of YAML than is taken here.
    """
    if len(front_matter.encode(errors="surrogatepass")) > MAX_FRONT_MATTER:
        raise InvalidSkillError(f"invalid skill: the front matter is over {MAX_FRONT_MATTER // 1024} KiB")
    try:
        return read_mapping(front_matter, FRONT_MATTER), ()
    except UnreadableError:
        mended, keys = quote_colons(front_matter)
        if not keys:
            raise
        try:
            fields = read_mapping(mended, FRONT_MATTER)
        except UnreadableError:
            pass
        else:
            return fields, tuple(f"{key} has an unquoted colon in its value, which is read as text" for key in keys)
        raise  # what is wrong with the text as it stands


def read_utf8(data: bytes, limit: int, document: Document) -> str:
    """The text of a whole file.

    Args:
        limit: Bytes that it may have.

    Raises:
        InvalidSkillError: It has more, or is not UTF-8.
    """
    if len(data) > limit:
        raise InvalidSkillError(f"{document.invalid}: {document.file} is over {limit // 1024} KiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidSkillError(f"{document.invalid}: {document.file} is not UTF-8 (byte {error.start})") from None


def read_mapping(text: str, document: Document) -> dict[str, Node]:
    """One document of YAML as a mapping.

    Raises:
        UnreadableError: Not YAML, or several documents of it.
        InvalidSkillError: Not a mapping, or more of YAML than is taken here.
    """
    try:
        root = _build(_events(text, document), document)
    # The parser lets numbers in escapes and directives run into Python's own limits.
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise UnreadableError(f"{document.invalid}: {document.called} is not valid YAML: {_one_line(error)}") from None
    if root == "":
        root = {}
    if not isinstance(root, dict):
        raise InvalidSkillError(f"{document.invalid}: {document.called} must be a mapping of keys to values")
    return root


def _events(text: str, document: Document) -> Iterator[yaml.Event]:
    # The parser knows YAML 1.1, to which these end a line; since 1.2 they are characters like others.
    spare = (char for char in map(chr, range(0xE000, 0xF900)) if char not in text)
    stand_ins = {ord(char): next(spare, char) for char in _NO_LINE_ENDS if char in text}
    back = {ord(stand_in): chr(char) for char, stand_in in stand_ins.items()}
    documents = 0
    for event in yaml.parse(text.translate(stand_ins), Loader=yaml.SafeLoader):
        if isinstance(event, yaml.ScalarEvent):
            event.value = event.value.translate(back)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise UnreadableError(f"{document.invalid}: {document.called} holds more than one YAML document")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refused("anchors and aliases are not taken", event, document)
        if getattr(event, "tag", None) is not None:
            raise _refused("YAML tags are not taken", event, document)
        yield event


def _build(events: Iterator[yaml.Event], document: Document) -> Node:
    root: list[Node] = []
    open_nodes: list[list[Node] | dict[str, Node]] = [root]
    pending_keys: list[str | None] = [None]

    in_json = False

    def scalar(event: yaml.ScalarEvent) -> Node:
        is_key = isinstance(open_nodes[-1], dict) and pending_keys[-1] is None
        if in_json and not is_key:
            return _json_scalar(event, document)
        if len(open_nodes) == 2 and pending_keys[-1] in _REQUIRED_TEXT:
            return event.value
        # A plain `~` or `null` is how YAML writers say "nothing here".
        empty = document.empty_items or isinstance(open_nodes[-1], dict)
        return "" if empty and event.style is None and event.value in ("~", "null") else event.value

    def add(value: Node, event: yaml.Event) -> None:
        parent = open_nodes[-1]
        if isinstance(parent, list):
            parent.append(value)
            return
        key = pending_keys[-1]
        if key is not None:
            parent[key] = value
            pending_keys[-1] = None
        elif not isinstance(value, str):
            raise _refused("a key must be plain text", event, document)
        elif value in parent:
            raise _refused(f"key {value[:80]!a} is given twice", event, document)
        else:
            pending_keys[-1] = value

    for event in events:
        match event:
            case yaml.ScalarEvent():
                if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in event.value):
                    raise _refused("a value holds a NUL or half a character", event, document)
                add(scalar(event), event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(open_nodes) > MAX_DEPTH:
                    raise _refused(f"{document.called} is more than {MAX_DEPTH} levels deep", event, document)
                if len(open_nodes) == document.json_level + 1:
                    in_json = pending_keys[-1] in JSON_KEYS
                child: list[Node] | dict[str, Node] = {} if isinstance(event, yaml.MappingStartEvent) else []
                add(child, event)
                open_nodes.append(child)
                pending_keys.append(None)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                open_nodes.pop()
                pending_keys.pop()
                in_json = in_json and len(open_nodes) > document.json_level + 1
            case _:
                pass
    return root[0] if root else ""


def _json_scalar(event: yaml.ScalarEvent, document: Document) -> Node:
    if event.style is not None or not _JSON_SCALAR.match(event.value):
        return event.value
    value: Node = json.loads(event.value)
    if isinstance(value, float) and not math.isfinite(value):
        raise _refused("a number is too large", event, document)
    return value


def _refused(what: str, event: yaml.Event, document: Document) -> InvalidSkillError:
    mark = event.start_mark
    where = f"line {mark.line + document.first_line}, column {mark.column + 1}" if mark else "somewhere"
    return InvalidSkillError(f"{document.invalid}: {what} ({where})")


def _one_line(error: Exception) -> str:
    return ascii(" ".join(str(error).split())[:300])[1:-1]
