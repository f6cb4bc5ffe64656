"""What becomes of a container at the end of a run: the rule, and what is given back when."""

from __future__ import annotations

import pytest

from skillbox_core import Status
from skillbox_core.errors import EngineError, RunCancelledError
from skillbox_core.models import Ending, Outcome, Output, Verdict
from skillbox_core.run.cleanup import Fate, fate
from skillbox_core.run.verdict import failure, internal, interrupted


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
