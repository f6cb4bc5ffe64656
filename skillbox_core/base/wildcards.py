"""Patterns of file names that a stranger wrote, matched in a time that he can't stretch. Pure.

They mean what they mean to `fnmatch`. Its regular expressions try what stands behind a `*` at every place of a name,
so that a hundred long patterns and ten thousand long names cost half a minute. Here, what is between two `*` is text,
which is found as text; what is before the first or behind the last has one place where it can be.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache

MAX_STARS = 4
_PART = re.compile(r"\*|\?|\[!?+\]?+[^\]]*+\]|.", re.DOTALL)
"""Each but the star stands for one character. A bracket that nothing closes is one."""


def pattern_problem(pattern: str) -> str | None:
    """What of a pattern would take too long, or None for a good one."""
    pieces = _pieces(pattern)
    if len(pieces) - 1 > MAX_STARS:
        return f"a pattern has more than {MAX_STARS} *"
    if any(len(part) > 1 or part == "?" for piece in pieces[1:-1] for part in piece):
        return "a pattern has ? or [...] between two *, where only text can be"
    return None


def matches(path: str, pattern: str) -> bool:
    """Whether a name is one of those that a pattern without a problem stands for."""
    first, *others = _pieces(pattern)
    if not others:
        return len(path) == len(first) and fnmatchcase(path, pattern)
    *middle, last = others
    at, end = len(first), len(path) - len(last)
    if end < at or not _fits(path[:at], first) or not _fits(path[end:], last):
        return False
    for piece in middle:
        text = "".join(piece)
        at = path.find(text, at, end)
        if at < 0:
            return False
        at += len(text)
    return True


def _fits(text: str, parts: tuple[str, ...]) -> bool:
    pattern = "".join(parts)
    is_text = len(pattern) == len(parts) and "?" not in parts
    return text == pattern if is_text else fnmatchcase(text, pattern)


@lru_cache(maxsize=1024)
def _pieces(pattern: str) -> tuple[tuple[str, ...], ...]:
    """What is before, between and behind the stars, in parts; of several stars in a row, one counts."""
    pieces: list[list[str]] = [[]]
    parts = _PART.findall(pattern)
    for part, before in zip(parts, ["", *parts], strict=False):
        if part != "*":
            pieces[-1].append(part)
        elif before != "*":
            pieces.append([])
    return tuple(map(tuple, pieces))
