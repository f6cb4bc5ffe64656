"""The process that works with strangers' schemas, one question after the other, until its input ends.

A pattern can be made to take for ever, a few references to unfold to millions, an error to hold a copy of
the whole document: so this is a program of its own, with limits that the kernel keeps
(`skillbox_core.base.helper`). It is started by its path (`skillbox_core.skills.validation`) and knows nothing of
this package.

A question is a line with two lengths, and that many bytes each: a schema, and a document or nothing. The
answer is a JSON line: null, or a sentence.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.exceptions import best_match
from referencing import Registry

MAX_BREACHES = 5
OUT_OF_MEMORY = 12
"""The exit code that says so."""
_SHOWN = 80
_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}


def main(cpu_seconds: int) -> None:
    """Answers questions from stdin on stdout."""
    while line := sys.stdin.buffer.readline():
        schema_size, document_size = map(int, line.split())
        schema, document = sys.stdin.buffer.read(schema_size), sys.stdin.buffer.read(document_size)
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        # The kernel counts whole seconds of all that this process ever used.
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + cpu_seconds, hard))
        try:
            sys.stdout.write(json.dumps(answer(schema, document)) + "\n")
            sys.stdout.flush()
        except MemoryError:
            os._exit(OUT_OF_MEMORY)


def answer(schema: bytes, document: bytes) -> str | None:
    """What is wrong with a document by a schema, or with the schema when there is no document."""
    try:
        if not document:
            return schema_problem(json.loads(schema))
        # Nothing is ever fetched: the registry holds no schema and has no way to get one.
        validator = Draft202012Validator(json.loads(schema), registry=Registry())
        breaches = islice(validator.iter_errors(json.loads(document)), MAX_BREACHES + 1)
        said = list(dict.fromkeys(breach(error) for error in breaches))
        more = "; and more" if len(said) > MAX_BREACHES else ""
        return "; ".join(said[:MAX_BREACHES]) + more if said else None
    except RecursionError:
        return "the schema refers to itself without end, or the document is nested too deeply for it"
    except MemoryError:
        raise
    except Exception as error:
        # Arithmetic on odd numbers, mostly: whatever it is, these two can't be brought together.
        return f"the document can't be checked ({type(error).__name__})"


def schema_problem(schema: Any) -> str | None:
    """What keeps it from being a schema."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"is not a valid schema: {breach(error)}"
    except (OverflowError, RecursionError):
        return "has a pattern that is too large or too deep"
    return None


def breach(error: ValidationError | SchemaError) -> str:
    """Where a document breaks a rule, and which; what it says there is not repeated."""
    place = _place(error.absolute_path)
    nearest = best_match(error.context) if error.context else None
    within = f" (nearest: {breach(nearest)})" if nearest else ""
    return f"{place} {_rule(error)}{within}"


def _rule(error: ValidationError | SchemaError) -> str:
    rule, value, found = str(error.validator), _any(error.validator_value), _any(error.instance)
    match rule:
        case "required":
            return f"lacks {_listed(name for name in value if name not in found)}"
        case "additionalProperties" if value is False:
            return f"has {_listed(_unknown(error)) or 'something'}, which is not known there"
        case "type":
            wanted = " or ".join(value) if isinstance(value, list) else value
            return f"must be of type {wanted}, not {_TYPES.get(type(found), 'number')}"
        case "enum":
            return f"must be one of {_listed(value)}"
        case "const":
            return f"must be {_text(value)}"
        case "pattern" | "format":
            return f"must fit the {rule} {_text(value)}"
        case "anyOf" | "oneOf" if error.context:
            return f"fits none of the {len(value)} forms of {rule}"
        case "oneOf":
            return "fits more than one of the forms of oneOf"
        case "not":
            return "fits what it must not"
        case "None":
            return "may not be there"
        case _:
            return f"breaks the rule {rule}: {_text(value)}"


def _unknown(error: ValidationError | SchemaError) -> Iterator[str]:
    schema = _any(error.schema)
    if schema.get("patternProperties"):
        return iter(())
    return (name for name in _any(error.instance) if name not in schema.get("properties", {}))


def _any(value: object) -> Any:
    """The library types what an error holds as unset or anything; it is set on errors that were yielded."""
    return value


def _place(path: Iterable[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{_text(part)[1:-1]}" for part in path)
    return "".join(parts).removeprefix(".") or "it"


def _listed(values: Iterable[Any]) -> str:
    shown = [_text(value) for value in islice(values, 11)]
    return ", ".join(shown[:10]) + (", ..." if len(shown) > 10 else "")


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 4] + "..." + text[-1]


if __name__ == "__main__":
    main(int(sys.argv[1]))
