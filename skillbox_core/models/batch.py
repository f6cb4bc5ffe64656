"""What became of many inputs of one skill: their results, and the error that carries them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from skillbox_core.base.names import DEFAULT_TENANT
from skillbox_core.errors import RunCancelledError, SkillboxError
from skillbox_core.models.diagnosis import Diagnosis
from skillbox_core.models.result import ExecutionError, RunResult
from skillbox_core.status import Category, Status

SAID = 3
"""Failures that the error of a batch spells out; all are in its `failed`."""


class BatchFailedError(SkillboxError):
    """Inputs of a batch did not succeed. Carries the results of all of them.

    Attributes:
        results: Of all inputs, in their order.
        first: The index of the first of them in its batch.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, results: Iterable[RunResult] = (), first: int = 0
    ) -> None:
        super().__init__(message, hint=hint)
        self.results = tuple(results)
        self.first = first

    @property
    def failed(self) -> Mapping[int, RunResult]:
        """The results of those that did not succeed, by their index in the batch."""
        return {index: result for index, result in enumerate(self.results, self.first) if not result.ok}

    @classmethod
    def of(cls, results: Sequence[RunResult], first: int = 0) -> BatchFailedError:
        """The error of results of which at least one is no success; it names the inputs by their index."""
        failed = [(index, result) for index, result in enumerate(results, first) if not result.ok]
        said = [f"input {index}: {ExecutionError.of(result)}" for index, result in failed[:SAID]]
        more = [f"and {len(failed) - SAID} more"] if len(failed) > SAID else []
        return cls(
            f"{len(failed)} of {len(results)} inputs failed: {'; '.join(said + more)}", results=results, first=first
        )


def unopened(error: SkillboxError, skill: str, tenant: str = DEFAULT_TENANT) -> RunResult:
    """The result of an input that never became an execution: it has no id, and there is no record of it."""
    cancelled = isinstance(error, RunCancelledError)
    status, reason = (Status.CANCELLED, None) if cancelled else (Status.FAILED, error.reason)
    return RunResult(
        execution_id="",
        status=status,
        reason=reason,
        error=error.message,
        diagnosis=Diagnosis(Category(reason or status), error.message, resolution=error.hint or ""),
        skill=skill,
        tenant=tenant,
    )
