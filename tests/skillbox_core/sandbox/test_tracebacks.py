"""A traceback stays in one piece: what the other stream says meanwhile stands before it."""

from __future__ import annotations

import pytest

from skillbox_core.sandbox.logs import Line
from skillbox_core.sandbox.tracebacks import MAX_LINES, WINDOW, Tracebacks

HEAD, PLACE, ERROR = "Traceback (most recent call last):", '  File "main.py", line 1', "ValueError: bad row 17"
DURING = "During handling of the above exception, another exception occurred:"
GROUP = "  + Exception Group Traceback (most recent call last):"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def arranged(*lines: str) -> list[str]:
    """Lines as they are passed on; those that begin with > come on stdout."""
    tracebacks = Tracebacks(Clock())
    passed = [
        one for line in lines for one in tracebacks.put(Line("stdout" if line.startswith(">") else "stderr", line))
    ]
    return [line.text for line in [*passed, *tracebacks.flush()]]


@pytest.mark.parametrize(
    ("came", "stand"),
    [
        (["a", ">b", "c", ">d"], ["a", ">b", "c", ">d"]),
        ([HEAD, ">b", PLACE, ">c", ERROR, ">d"], [">b", ">c", ">d", HEAD, PLACE, ERROR]),
        (["a", HEAD, PLACE, ">b", ERROR, "c", ">d"], ["a", ">b", HEAD, PLACE, ERROR, "c", ">d"]),
        ([HEAD, PLACE, ERROR, "", DURING, "", ">b", HEAD, PLACE, ">c", ERROR],
         [">b", ">c", HEAD, PLACE, ERROR, "", DURING, "", HEAD, PLACE, ERROR]),
        ([GROUP, "  |   File", ">b", "  | ExceptionGroup: two (2 sub-exceptions)"],
         [">b", GROUP, "  |   File", "  | ExceptionGroup: two (2 sub-exceptions)"]),
        ([HEAD, PLACE, ERROR, "  a note", ">b"], [">b", HEAD, PLACE, ERROR, "  a note"]),
        (["  indented", ">b", "  indented"], ["  indented", ">b", "  indented"]),
        ([HEAD], [HEAD]),
    ],
)  # fmt: skip
def test_what_comes_on_the_other_stream_stands_before_a_traceback(came: list[str], stand: list[str]) -> None:
    assert arranged(*came) == stand


def test_one_that_does_not_end_is_held_neither_long_nor_without_bound() -> None:
    clock = Clock()
    tracebacks = Tracebacks(clock)
    head, other = Line("stderr", HEAD), Line("stdout", "x")
    assert list(tracebacks.put(head)) == []
    assert list(tracebacks.put(other)) == [other]
    clock.now = WINDOW + 0.01
    assert list(tracebacks.put(other)) == [head, other]
    place = Line("stderr", PLACE)
    passed = [one for line in [head, *[place] * (2 * MAX_LINES)] for one in tracebacks.put(line)]
    assert passed == [head, *[place] * (2 * MAX_LINES)]
