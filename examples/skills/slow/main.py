"""Takes its time, and says so every second."""

from __future__ import annotations

import json
import math
import os
import sys
import time
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


LONGEST = 3600


def main() -> None:
    seconds = read_input().get("seconds", 30)
    if type(seconds) is not int or not 0 <= seconds <= LONGEST:
        raise BadInput(f'"seconds" must be a whole number from 0 to {LONGEST}, not {json.dumps(seconds)}')
    for second in range(1, seconds + 1):
        time.sleep(1)
        print(f"second {second} of {seconds}", flush=True)
    write_output({"slept": seconds})


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        print(f"slow: {error}", file=sys.stderr)
        sys.exit(2)
