"""What becomes of a container at the end of a run: the rule, and what is given back when."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from skillbox_core import RunResult, Status
from skillbox_core.errors import DatabaseError, EngineError, RunCancelledError
from skillbox_core.models import Ending, Execution, Outcome, Output, Verdict
from skillbox_core.run import cleanup
from skillbox_core.run.cleanup import Fate, fate
from skillbox_core.run.verdict import failure, internal, interrupted
from skillbox_core.sandbox.admission import Admission
from skillbox_core.storage.tables import now


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("parked", [True, False])
@pytest.mark.parametrize("closed", [True, False])
def test_only_what_has_ended_by_itself_and_is_recorded_is_removed_after_the_result(
    status: Status, parked: bool, closed: bool
) -> None:
    what = fate(Verdict(status, parked=parked), closed=closed)
    if not closed:
        # Whoever cancels waits for the end of what runs; else the container is the only copy of what happened.
        assert what is (Fate.REMOVED_FIRST if status is Status.CANCELLED else Fate.KEPT)
    else:
        assert (what is Fate.REMOVED_AFTER) is (parked and status is not Status.CANCELLED)
        assert what in (Fate.REMOVED_FIRST, Fate.REMOVED_AFTER)
    assert fate(Verdict(status, parked=parked), closed=closed, taken_over=True) is Fate.LEFT_ALONE


PARKED = Outcome(Ending.EXITED, collectable=True)


@pytest.mark.parametrize(
    ("outcome", "parked"),
    [
        (PARKED, True),
        # Its supervisor ended without a word: it ended nothing of what the skill had started.
        (Outcome(Ending.EXITED), False),
        (Outcome(Ending.DEADLINE, collectable=True), False),
        (Outcome(Ending.DEADLINE), False),
        (Outcome(Ending.CANCELLED), False),
        (Outcome(Ending.LOST), False),
    ],
)
def test_a_run_that_fails_after_its_skill_has_ended_waits_for_no_removal(outcome: Outcome, parked: bool) -> None:
    assert failure(EngineError("the output can't be read"), outcome, Output()).parked is parked
    assert internal(ValueError("of ours"), outcome).parked is parked


@pytest.mark.parametrize(
    "verdict",
    [
        interrupted(KeyboardInterrupt(), PARKED),
        failure(RunCancelledError("by the caller"), PARKED, Output()),
        Verdict(Status.TIMEOUT),
    ],
    ids=["interrupted", "cancelled", "timed out"],
)
def test_who_ended_a_run_waits_for_the_end_of_what_runs(verdict: Verdict) -> None:
    assert fate(verdict, closed=True) is Fate.REMOVED_FIRST


class _Installation(SimpleNamespace):
    """One place, an engine that removes, a record that closes as it is told, and a disk with its faults."""

    fault: BaseException | None = None

    @property
    def spool(self) -> Any:
        raise self.fault or AssertionError("not asked for")


EXECUTION = Execution("e" * 32, "default", "some", "1.0.0", 1, now(), "default/k")


def _installation(**executions: Any) -> _Installation:
    made = _Installation(
        admission=Admission(1),
        connections=Mock(),
        engine=Mock(),
        settings=SimpleNamespace(instance="test"),
        executions=Mock(**executions),
        removals=SimpleNamespace(submit=lambda job: job()),
    )
    made.admission.enter(EXECUTION.id, None)
    return made


def _free(installation: _Installation) -> bool:
    return EXECUTION.id not in installation.admission._inside


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=type)
def test_a_place_is_given_back_though_the_spool_can_not_be_cleared(fault: BaseException) -> None:
    result = Mock(spec=RunResult, status=Status.FAILED)
    installation, gone = _installation(**{"close.return_value": result}), Mock()
    installation.fault = fault
    if isinstance(fault, OSError):
        assert cleanup.end(installation, EXECUTION, Verdict(Status.FAILED), gone) is result  # type: ignore[arg-type]
        installation.engine.remove.assert_called()
    else:
        with pytest.raises(KeyboardInterrupt):
            cleanup.end(installation, EXECUTION, Verdict(Status.FAILED), gone)  # type: ignore[arg-type]
    gone.assert_called_once_with()
    assert _free(installation)


def test_a_slot_is_held_as_long_as_nobody_knows_whose_the_container_is() -> None:
    silent = DatabaseError("the database failed")
    result = Mock(spec=RunResult, status=Status.RUNNING)
    installation = _installation(**{"close.return_value": result, "is_taken_over.side_effect": silent})
    gone = Mock()
    with pytest.raises(DatabaseError):
        cleanup.end(installation, EXECUTION, Verdict(Status.SUCCESS), gone)  # type: ignore[arg-type]
    gone.assert_not_called()
    installation.executions.is_taken_over.side_effect = [True]
    assert cleanup.end(installation, EXECUTION, Verdict(Status.SUCCESS), gone) is result  # type: ignore[arg-type]
    gone.assert_called_once_with()
