"""What became of many inputs: the error that names them, and results of inputs that never became executions."""

from __future__ import annotations

import pickle

import pytest

from skillbox_core import BatchFailedError, Reason, RunResult, Status
from skillbox_core.errors import DatabaseError, InvalidRequestError, RunCancelledError, SkillboxError
from skillbox_core.models import Diagnosis, unopened
from skillbox_core.status import Category

GOOD = RunResult(execution_id="1" * 32, status=Status.SUCCESS, output=1)


def _bad(error: str, resolution: str = "") -> RunResult:
    said = Diagnosis(Category.EXIT, error, resolution=resolution)
    return RunResult(execution_id="2" * 32, status=Status.FAILED, reason=Reason.EXIT, error=error, diagnosis=said)


@pytest.mark.parametrize(
    ("results", "first", "message", "failed"),
    [
        ([GOOD, _bad("a")], 0, "1 of 2 inputs failed: input 1: a", [1]),
        ([_bad("a", "try b"), GOOD], 200, "1 of 2 inputs failed: input 200: a (try b)", [200]),
        (
            [_bad(word) for word in "abcde"],
            10,
            "5 of 5 inputs failed: input 10: a; input 11: b; input 12: c; and 2 more",
            [10, 11, 12, 13, 14],
        ),
    ],
)
def test_the_error_names_inputs_by_their_index_and_carries_all_results(
    results: list[RunResult], first: int, message: str, failed: list[int]
) -> None:
    error = pickle.loads(pickle.dumps(BatchFailedError.of(results, first)))
    assert str(error) == message
    assert list(error.results) == results
    assert list(error.failed) == failed
    assert not error.retryable


@pytest.mark.parametrize(
    ("error", "status", "reason", "category"),
    [
        (InvalidRequestError("odd", hint="even"), Status.FAILED, Reason.INPUT, Category.INPUT),
        (DatabaseError("odd", hint="even"), Status.FAILED, Reason.INFRASTRUCTURE, Category.INFRASTRUCTURE),
        (RunCancelledError("odd", hint="even"), Status.CANCELLED, None, Category.CANCELLED),
    ],
)
def test_an_input_that_was_never_an_execution_has_a_result_without_an_id(
    error: SkillboxError, status: Status, reason: Reason | None, category: Category
) -> None:
    result = unopened(error, "stats", "acme")
    assert (result.execution_id, result.status, result.reason, result.error) == ("", status, reason, "odd")
    assert (result.skill, result.tenant) == ("stats", "acme")
    assert result.diagnosis == Diagnosis(category, "odd", resolution="even")
