"""What JSON may hold here, beyond its grammar: only what every later reader can hold as well.

A document passes through records, other languages and the next skill's input. Python reads more than that:
numbers that become infinite, halves of characters, nesting up to its own stack.
"""

from __future__ import annotations

import math
from typing import Any

MAX_DEPTH = 100
"""Levels, the innermost value included."""


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
