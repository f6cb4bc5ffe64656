"""Between a claim and its job: who comes next waits for nobody who is dead, and takes nothing from who is slow."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from skillbox_core import Runner, RunOptions, RunRequest, RunResult, Status
from skillbox_core.errors import DatabaseError
from skillbox_core.run import steps
from skillbox_core.sandbox import container as sandbox_container
from skillbox_core.sandbox.container import LABEL_INSTANCE
from skillbox_core.sandbox.streams import Attachment
from tests.services.pools import ahead, record, waiting
from tests.services.settling import containers_left


class Slow:
    """A worker that stops at a point of its hand-over, until it is let go.

    Attributes:
        is_there: It has come to that point.
    """

    def __init__(self, worker: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runner = Runner.from_settings(worker.installation.settings)
        self.is_there, self._go = threading.Event(), threading.Event()
        self._patch, self._results = monkeypatch, list[RunResult]()
        self._thread = threading.Thread(target=self._run)
        self._options = RunOptions(key=uuid.uuid4().hex)

    def stops_before(self, owner: Any, name: str, calls: int = 0) -> None:
        """Stops before it calls `owner.name`, once it has called it so many times."""
        inner, left = getattr(owner, name), iter(range(calls))

        def call(*args: Any, **how: Any) -> Any:
            if threading.current_thread() is self._thread and next(left, None) is None:
                self.is_there.set()
                assert self._go.wait(60)
            return inner(*args, **how)

        self._patch.setattr(owner, name, call)

    def _run(self) -> None:
        self._results.append(self.runner.run(RunRequest(skill="slow"), self._options))

    def begin(self) -> RunOptions:
        """Runs up to that point; the options with which another one does the same."""
        self._thread.start()
        assert self.is_there.wait(60)
        return self._options

    def go_on(self, *_: Any) -> None:
        """Stops no longer."""
        self._go.set()

    def end(self) -> RunResult:
        """Goes on to its result."""
        self._go.set()
        self._thread.join(90)
        (result,) = self._results
        return result


POINTS: dict[str, Callable[[Slow], None]] = {
    "the claim": lambda slow: slow.stops_before(steps, "hand_over"),
    "the look at it": lambda slow: slow.stops_before(slow.runner.installation.engine, "attach"),
    "the attachment": lambda slow: slow.stops_before(Attachment, "write"),
}


@pytest.fixture
def slow(worker: Runner, monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(worker, monkeypatch)


@pytest.mark.parametrize("wakes", ["when that one has its result", "while its skill runs"])
@pytest.mark.parametrize("point", POINTS)
def test_who_is_slow_behind_a_claim_joins_the_one_who_did_not_wait_for_it(
    worker: Runner, slow: Slow, point: str, wakes: str
) -> None:
    name = ahead(worker, "slow")
    POINTS[point](slow)
    options = slow.begin()
    on_log = slow.go_on if wakes == "while its skill runs" else None
    result = worker.run(RunRequest(skill="slow"), options, on_log=on_log)
    late = slow.end()
    assert (result.status, result.logs) == (Status.SUCCESS, f"begun {result.output[0]}\n")
    assert (late.execution_id, late.status, late.output) == (result.execution_id, Status.SUCCESS, result.output)
    row = record(worker, result.execution_id)
    assert (row.attempt, row.claimed) == (1, None)
    left = containers_left(worker.installation.engine, {LABEL_INSTANCE: worker.installation.settings.instance})
    assert {found["Names"][0].lstrip("/") for found in left} == set(waiting(worker.installation))
    assert name not in waiting(worker.installation)


def test_a_job_that_takes_long_to_come_is_left_to_whoever_brings_it(
    worker: Runner, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, looked = ahead(worker, "slow"), threading.Semaphore(0)
    # The line that says what comes is there; the rest is not.
    slow.stops_before(Attachment, "write", calls=1)
    options = slow.begin()
    monkeypatch.setattr(sandbox_container, "UNATTENDED", 0.0)
    own = Runner.from_settings(worker.installation.settings)
    logs, attach = own.installation.engine.logs, own.installation.engine.attach

    def noted(*args: Any, **how: Any) -> Any:
        looked.release()
        return logs(*args, **how)

    monkeypatch.setattr(own.installation.engine, "logs", noted)
    monkeypatch.setattr(own.installation.engine, "attach", lambda *_: pytest.fail("its delivery was ended"))
    results: list[RunResult] = []
    second = threading.Thread(target=lambda: results.append(own.run(RunRequest(skill="slow"), options)))
    second.start()
    # Twice in a turn: whether the skill has started, and whether its job comes.
    for _ in range(6):
        assert looked.acquire(timeout=30)
    monkeypatch.setattr(own.installation.engine, "attach", attach)
    result = slow.end()
    second.join(90)
    assert (result.status, result.logs) == (Status.SUCCESS, f"begun {result.output[0]}\n")
    assert [(one.execution_id, one.output) for one in results] == [(result.execution_id, result.output)]
    row = record(worker, result.execution_id)
    assert (row.attempt, row.claimed) == (1, name)


def test_a_claim_that_its_worker_heard_nothing_of_is_given_up_for_another_container(
    worker: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, own = ahead(worker, "slow"), Runner.from_settings(worker.installation.settings)
    claim, taken = own.installation.executions.claim, list[str | None]()

    def unheard(*args: Any, **how: Any) -> str | None:
        given = claim(*args, **how)
        taken.append(given)
        if len(taken) == 1:
            raise DatabaseError("the answer is lost")
        return given

    monkeypatch.setattr(own.installation.executions, "claim", unheard)
    result = own.run(RunRequest(skill="slow"))
    assert taken[0] == name
    assert (result.status, result.logs) == (Status.SUCCESS, f"begun {result.output[0]}\n")
    row = record(worker, result.execution_id)
    assert (row.attempt, row.claimed) == (1, None)
    left = containers_left(worker.installation.engine, {LABEL_INSTANCE: worker.installation.settings.instance})
    assert {found["Names"][0].lstrip("/") for found in left} == set(waiting(worker.installation))
    assert name not in waiting(worker.installation)
