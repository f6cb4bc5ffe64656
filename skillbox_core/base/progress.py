"""How a skill says how far it is: a line on stderr, `::progress 40 reading rows`.

The number is a percentage from 0 to 100, a fraction after a point is allowed; the text after it is optional.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

_LINE = re.compile(r"::progress ([0-9]{1,3}(?:\.[0-9]{1,6})?)(?:[ \t]+(.*))?\Z")
MAX_TEXT = 200


@dataclass(frozen=True)
class Progress:
    """How far a skill says it is.

    Attributes:
        percent: 0 to 100.
        text: What it is doing, at most 200 characters; may be empty.
    """

    percent: float
    text: str = ""


OnProgress: TypeAlias = Callable[[Progress], None]
"""Told how far an environment is that is made ready: its tree is the first half of that, its layer the second."""


def parse_progress(line: str) -> Progress | None:
    """What a line of stderr says of progress; None for any other line."""
    match = _LINE.match(line.rstrip())
    if match is None or float(match[1]) > 100:
        return None
    return Progress(float(match[1]), (match[2] or "").strip()[:MAX_TEXT])
