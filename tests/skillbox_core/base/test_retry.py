"""How often something is tried again, and what is not."""

from __future__ import annotations

import pytest

from skillbox_core.base import retry
from skillbox_core.errors import DatabaseError, InvalidRequestError


@pytest.mark.parametrize(("attempts", "failures", "calls"), [(None, 2, 3), (1, 0, 1), (6, 5, 6), (4, 1, 2)])
def test_infrastructure_is_tried_so_often(
    monkeypatch: pytest.MonkeyPatch, attempts: int | None, failures: int, calls: int
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(retry.time, "sleep", slept.append)
    made: list[int] = []

    def call() -> str:
        made.append(1)
        if len(made) <= failures:
            raise DatabaseError("away")
        return "done"

    assert (retry.repeated(call) if attempts is None else retry.repeated(call, attempts)) == "done"
    assert (len(made), len(slept)) == (calls, failures)
    # Half as long up to half as long again as twice the one before.
    assert all(0.5 <= seconds / (retry.FIRST_DELAY * 2**number) <= 1.5 for number, seconds in enumerate(slept))


def test_the_last_failure_and_any_answer_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.time, "sleep", lambda _seconds: None)
    made: list[int] = []

    def fails(error: Exception) -> None:
        made.append(1)
        raise error

    with pytest.raises(DatabaseError):
        retry.repeated(lambda: fails(DatabaseError("away")), 2)
    with pytest.raises(InvalidRequestError):
        retry.repeated(lambda: fails(InvalidRequestError("odd")), 2)
    assert len(made) == 3
