"""Runs in a peer's environment, with the standard library only: does the job each time that a line comes.

    python -P loop.py SCRIPT '{"image": ..., "program": ..., "label": {...}, "home": ...}'

The script has a context manager `opened(task)` that gives a function. Called, that gives a generator, which yields
what the job printed as soon as its caller has it, and clears up when it is resumed. What a peer prints goes to stderr;
stdout has a line of JSON when it is ready, one when a job's answer is there, and one when that is cleared up.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANSWER = '"total_words": 6'


@dataclass(frozen=True)
class Task:
    """What a script is given: the image, the program's text, labels for containers, and a folder."""

    image: str
    program: str
    label: dict[str, str]
    home: str


def take(turn: Callable[[], Iterator[object]], answer: Callable[[str], None]) -> None:
    """Does the job once: says when its answer is there, and, if it was the right one, when all is cleared up."""
    heard = False
    try:
        running = turn()
        said = next(running)
        heard = ANSWER in str(said)
        answer("" if heard else f"the job did not answer: {said}"[:500])
        next(running, None)
    except Exception as error:
        answer(f"{type(error).__name__}: {error}"[:500])
        return
    if heard:
        answer("")


def main(script: str, given: dict[str, Any]) -> None:
    """Does a turn for each line of stdin."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    task = Task(given["image"], Path(given["program"]).read_text("utf-8"), given["label"], given["home"])

    def answer(problem: str) -> None:
        answers.write(json.dumps({"problem": problem}) + "\n")

    with runpy.run_path(script)["opened"](task) as turn:
        answer("")
        for _ in sys.stdin:
            take(turn, answer)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
