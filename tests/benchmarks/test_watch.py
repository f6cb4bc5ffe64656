"""Where the time of a run goes: calls are noted, and each counts without those that it made."""

from __future__ import annotations

import threading

import pytest

from tests.benchmarks.watch import PARTS, REST, Span, split, watched

MAIN, OTHER = 1, 2


@pytest.mark.parametrize(
    ("spans", "within", "after"),
    [
        pytest.param([], {REST: 10.0}, {}, id="nothing was called"),
        pytest.param(
            [Span("record", MAIN, 1, 3), Span("skill", MAIN, 3, 8)],
            {"record": 2.0, "skill": 5.0, REST: 3.0},
            {},
            id="one after the other",
        ),
        pytest.param(
            [Span("create", MAIN, 2, 4), Span("start", MAIN, 4, 7), Span("prepare", MAIN, 1, 8)],
            {"prepare": 2.0, "create": 2.0, "start": 3.0, REST: 3.0},
            {},
            id="a call counts without those that it made",
        ),
        pytest.param(
            [Span("inner", MAIN, 3, 4), Span("middle", MAIN, 2, 5), Span("outer", MAIN, 1, 9)],
            {"outer": 5.0, "middle": 2.0, "inner": 1.0, REST: 2.0},
            {},
            id="and what those made is counted once",
        ),
        pytest.param(
            [Span("deliver", MAIN, 1, 2), Span("deliver", MAIN, 4, 6)],
            {"deliver": 3.0, REST: 7.0},
            {},
            id="what is called twice is one part",
        ),
        pytest.param(
            [Span("close", MAIN, 8, 9), Span("remove", MAIN, 12, 15)],
            {"close": 1.0, REST: 9.0},
            {"remove": 3.0},
            id="what comes after the result is not in it",
        ),
        pytest.param(
            [Span("close", MAIN, 5, 9), Span("remove", OTHER, 6, 8)],
            {"close": 4.0, REST: 6.0},
            {"remove": 2.0},
            id="nor is what another thread does meanwhile",
        ),
    ],
)
def test_a_run_is_split_into_its_parts(spans: list[Span], within: dict[str, float], after: dict[str, float]) -> None:
    assert split(spans, 0.0, 10.0) == (within, after)


class Worker:
    def work(self, number: int) -> int:
        return 10 // number


def test_calls_are_noted_whatever_comes_of_them_and_are_themselves_again_afterwards() -> None:
    before = Worker.work
    with watched({(Worker, "work"): "work"}) as spans:
        assert not spans.has("work")
        assert Worker().work(5) == 2
        with pytest.raises(ZeroDivisionError):
            Worker().work(0)
        assert spans.has("work")
        seen = spans.take()
        assert [(span.part, span.thread) for span in seen] == [("work", threading.get_ident())] * 2
        assert spans.take() == []
    assert Worker.work is before


@pytest.mark.parametrize(("owner", "name"), PARTS, ids=lambda each: getattr(each, "__name__", each))
def test_each_call_that_is_watched_is_there(owner: type, name: str) -> None:
    assert callable(getattr(owner, name, None)), f"{owner.__name__}.{name} has another name now: change PARTS"
