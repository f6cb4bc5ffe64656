"""What a skill's schema may be: JSON Schema 2020-12 (https://json-schema.org/draft/2020-12) that stands alone.

A schema is a stranger's work, so it may refer to nothing but its own parts, and those must be there. Whether
it is a valid schema, and what it costs, is found out in a process of its own (`validation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TypeAlias
from urllib.parse import unquote

from skillbox_core.base.names import shown

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ONE = frozenset(
    {
        *("items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"),
        *("not", "if", "then", "else", "contentSchema"),
    }
)
_LIST = frozenset({"prefixItems", "allOf", "anyOf", "oneOf"})
_MAP = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs"})
_REFUSED = frozenset({"$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$vocabulary"})
"""Keywords that give parts of a schema other addresses than their place in it."""
_KNOWN = frozenset(
    {
        *(*_ONE, *_LIST, *_MAP, *_REFUSED),
        *("$schema", "$ref", "$comment", "title", "description", "default", "deprecated", "readOnly", "writeOnly"),
        *("examples", "type", "enum", "const", "format", "pattern", "minLength", "maxLength", "multipleOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "uniqueItems"),
        *("minContains", "maxContains", "minProperties", "maxProperties", "required", "dependentRequired"),
        *("contentEncoding", "contentMediaType"),
    }
)

_PARTS = 8
"""Of a place, so many parts are shown."""
MOST = 100
"""Sentences about one schema: a small one can be made to earn thousands, each as long as its deepest place."""

Place: TypeAlias = "tuple[str, ...]"


def schema_faults(schema: Mapping[str, object], label: str) -> list[str]:
    """What keeps a schema from standing alone, one sentence each; none for a good one.

    Args:
        label: The key of SKILL.md that holds it, for the sentences.
    """
    parts = dict(_parts(schema, ()))
    found = (f"{label}{_shown(place)}{fault}" for place, part in parts.items() for fault in _faults(part, parts))
    return list(islice(found, MOST))


def schema_warnings(schema: Mapping[str, object], label: str) -> list[str]:
    """Keywords that JSON Schema does not know, and so passes over: mistyped ones, mostly."""
    found = (
        f"{label}{_shown(place)} has {shown(keyword)}, which JSON Schema does not know, so it has no effect"
        for place, part in _parts(schema, ())
        for keyword in part
        if keyword not in _KNOWN and not keyword.startswith("x-")
    )
    return list(islice(found, MOST))


def _parts(schema: object, place: Place) -> Iterator[tuple[Place, Mapping[str, object]]]:
    """Each part of a schema that is a schema itself, with its place."""
    if not isinstance(schema, Mapping):
        return
    yield place, schema
    for keyword, value in schema.items():
        inside = (*place, keyword)
        if keyword in _ONE:
            yield from _parts(value, inside)
        elif keyword in _LIST and isinstance(value, list):
            for number, item in enumerate(value):
                yield from _parts(item, (*inside, str(number)))
        elif keyword in _MAP and isinstance(value, Mapping):
            for name, item in value.items():
                yield from _parts(item, (*inside, name))


def _faults(part: Mapping[str, object], parts: Mapping[Place, object]) -> Iterator[str]:
    for keyword in sorted(_REFUSED & part.keys()):
        yield f" has {keyword}, which is not taken here"
    if part.get("$schema", DIALECT) != DIALECT:
        yield f" names another dialect than {DIALECT}"
    if "$ref" in part:
        target = part["$ref"]
        if not isinstance(target, str) or not target.startswith("#"):
            yield f" refers to {shown(str(target))}; only its own parts can be referred to, such as #/$defs/name"
        elif pointed(target) not in parts:
            yield f" refers to {shown(target)}, which is no part of it"


def pointed(reference: str) -> Place:
    """The place that a JSON pointer in a fragment names (RFC 6901, part 6)."""
    tokens = unquote(reference.removeprefix("#")).split("/")
    # A pointer is empty or begins with "/"; "#name" would be an anchor, which there are none of.
    return tuple(t.replace("~1", "/").replace("~0", "~") for t in tokens[1:]) if tokens[0] == "" else (reference,)


def _shown(place: Place) -> str:
    shortened = place if len(place) <= _PARTS else ("…", *place[-_PARTS:])
    return "".join("." + (part if part == "…" else ascii(part[:40])[1:-1]) for part in shortened)
