"""What JSON may hold here, beyond its grammar: only what every later reader can hold as well.

A document passes through records, other languages and the next skill's input. Python reads more than that:
numbers that become infinite, halves of characters, nesting up to its own stack.
"""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 100
"""Levels, the innermost value included."""
MAX_DIGITS = 4_000
"""Of one integer in a text."""


class JsonError(ValueError):
    """A text that is not JSON, or breaks a rule of this module; its message is the end of a sentence."""


def parse_json(text: str) -> Any:
    """The value of a JSON text as RFC 8259 has it, with the keys of its objects in their order.

    Raises:
        JsonError: It is something else (NaN and Infinity too), holds an object with the same key twice, of which
            a parser would keep one without a word, or breaks a rule of `json_problem`.
    """

    def constant(name: str) -> Any:
        raise JsonError(f"contains {name}, which is not JSON")

    def integer(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            raise JsonError(f"has a number of {len(digits)} digits, the limit is {MAX_DIGITS}")
        return int(digits)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise JsonError("has an object with a duplicate key")
        return found

    try:
        value = json.loads(text, parse_constant=constant, parse_int=integer, object_pairs_hook=pairs)
    except JsonError:
        raise
    except RecursionError:
        raise JsonError("is nested too deeply") from None
    except ValueError as error:
        raise JsonError(f"is not JSON: {error}") from None
    if problem := json_problem(value):
        raise JsonError(problem)
    return value


def json_problem(value: Any) -> str | None:
    """The rule that a parsed document breaks, as the end of a sentence, or None for a good one.

    Args:
        value: Made of dict, list, tuple, str, numbers, booleans and None, without cycles.
    """
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return f"is nested more than {MAX_DEPTH} levels deep"
        inner: list[Any] = []
        for item in level:
            if item.__class__ is int:  # the most common by far in large documents
                continue
            if isinstance(item, str):
                if not item.isascii() and not _whole(item):
                    return "has half a character (a lone surrogate) in a text"
            elif isinstance(item, dict):
                if _clash(item):
                    return "has an object with two keys that JSON writes alike"
                inner += item
                inner += item.values()
            elif isinstance(item, list | tuple):
                inner += item
            elif isinstance(item, float) and not math.isfinite(item):
                return "has a number that is too large"
        level = inner
    return None


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _clash(item: dict[Any, Any]) -> bool:
    """Whether keys that Python tells apart, such as 1 and "1", would become one."""
    if all(key.__class__ is str for key in item):
        return False
    return len({key if isinstance(key, str) else json.dumps(key) for key in item}) < len(item)
