"""Counts the words of a text."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections import Counter
from pathlib import Path


class BadInput(Exception):
    """The input breaks a rule; the message says which."""


def number(text: str) -> float:
    """A JSON number; JSON has no NaN and no infinity, and neither has this skill."""
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]} is not a finite number")
    return int(text) if text.lstrip("-").isdigit() else float(text)


def read_input() -> dict:
    path = Path(os.environ.get("SANDBOX_INPUT_FILE") or "/sandbox/input.json")
    try:
        value = json.loads(
            path.read_text(encoding="utf-8"), parse_int=number, parse_float=number, parse_constant=number
        )
    except (OSError, ValueError) as error:
        raise BadInput(f"the input is not readable JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadInput("the input must be a JSON object")
    return value


def write_output(value: dict) -> None:
    path = Path(os.environ.get("SANDBOX_OUTPUT") or "/sandbox/out/output.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, allow_nan=False), encoding="utf-8")


# A run of letters and digits; apostrophes and hyphens join, as in "don't" and "well-known".
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
TOP = 10


def main() -> None:
    text = read_input().get("text")
    if not isinstance(text, str):
        raise BadInput('"text" must be a text')
    counts = Counter(WORD.findall(text.casefold()))
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    total = sum(counts.values())
    write_output(
        {
            "total_words": total,
            "unique_words": len(counts),
            "top_words": [{"word": word, "count": count} for word, count in top],
        }
    )
    print(f"counted {total} words")


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        print(f"word-count: {error}", file=sys.stderr)
        sys.exit(2)
