"""Inputs of a part side by side: their order, their number at once, and what happens when it is interrupted."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any

import pytest

from prefect_skillbox.execution.chunk import side_by_side
from prefect_skillbox.execution.watched_steps import RETRIES, WatchedSteps
from skillbox_core import CancelToken, RunOptions, RunRequest, Status
from skillbox_core.base import retry
from skillbox_core.errors import DatabaseError
from skillbox_core.models import Verdict

pytestmark = pytest.mark.once
_where: ContextVar[str] = ContextVar("where")


def test_answers_are_in_order_whoever_is_done_first_and_so_many_go_at_once() -> None:
    both, seen = threading.Barrier(2, timeout=20), set()
    token = _where.set("here")

    def one(number: int) -> int:
        both.wait()
        seen.add((threading.get_ident(), _where.get()))
        return number

    try:
        assert side_by_side(one, 6, 2, CancelToken()) == list(range(6))
    finally:
        _where.reset(token)
    assert len({thread for thread, _ in seen}) == 2
    assert {where for _, where in seen} == {"here"}


def test_what_breaks_off_one_ends_the_others_and_begins_no_more() -> None:
    token, begun, ended = CancelToken(), [], []

    def one(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise KeyboardInterrupt
        token._event.wait()
        ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(one, 50, 2, token)
    assert token.cancelled
    assert len(begun) < 50
    assert set(begun) - {0} == set(ended)


class _Fails:
    """Steps of which each fails, as infrastructure does."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def step(*_arguments: Any) -> Any:
            self.calls.append(name)
            raise DatabaseError("away")

        return step


def test_without_tasks_a_step_is_tried_as_often_as_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.time, "sleep", lambda _seconds: None)
    inner, given_back = _Fails(), []

    class Place:
        def give_back(self) -> None:
            given_back.append(1)

    watch: Any = None
    place: Any = Place()
    steps = WatchedSteps(inner, watch, lambda request: request, place)
    execution: Any = None
    with pytest.raises(DatabaseError):
        steps.create_record(RunRequest(skill="a"), RunOptions())
    with pytest.raises(DatabaseError):
        steps.load_skill(execution, RunOptions())
    with pytest.raises(DatabaseError):
        steps.cleanup(execution, Verdict(Status.FAILED))
    assert [inner.calls.count(name) for name in ("create_record", "load_skill", "cleanup")] == [
        RETRIES[name] + 1 for name in ("create-record", "load-skill", "cleanup")
    ]
    assert given_back == [1]
