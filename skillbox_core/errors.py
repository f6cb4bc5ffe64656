"""Every error this package raises, as one tree.

An error says what was wrong, where, and what to do next (`hint`). Three class attributes let callers
decide without reading text: `reason` (why an execution failed, if this error ends one), `retryable`
(trying the same step again may help; true only for infrastructure) and nothing else.

Errors survive pickling: each takes one message, everything else lives in attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from skillbox_core.status import Reason, Status

if TYPE_CHECKING:
    from skillbox_core.models import RunResult


class SkillboxError(Exception):
    """Base of the tree.

    Args:
        message: One sentence naming the field, the value and the limit.
        hint: What the reader can do about it.
    """

    reason: ClassVar[Reason] = Reason.INFRASTRUCTURE
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def message(self) -> str:
        """The sentence without the hint."""
        return str(self.args[0])

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(SkillboxError):
    """The caller's request cannot be carried out as it is."""

    reason = Reason.INPUT


class InvalidRequestError(InputError):
    """A name, limit, environment variable or input breaks its rule."""


class InvalidSkillError(InputError):
    """A SKILL.md or a skill archive breaks a rule; the message lists all faults found."""


class SkillNotFoundError(InputError):
    """No such skill, or no such version of it, for this tenant."""


class VersionExistsError(InputError):
    """This version is already stored with other content; versions are immutable."""


class ExecutionNotFoundError(InputError):
    """No such execution for this tenant."""


class RunnerNotImplementedError(InputError):
    """The skill can be stored and read, but has nothing that can be run."""


class SettingsError(InputError):
    """A setting is missing, malformed or contradicts another one."""


class PolicyError(SkillboxError):
    """The installation's policy forbids this."""

    reason = Reason.POLICY


class ImageNotAllowedError(PolicyError):
    """The image is not on this installation's allowlist."""


class OutputError(SkillboxError):
    """What the skill left in `/sandbox/out` can't be accepted."""

    reason = Reason.OUTPUT


class InfrastructureError(SkillboxError):
    """Something below the skill failed; the same step may succeed when it is tried again."""

    retryable = True


class EngineError(InfrastructureError):
    """The container engine can't be reached, or failed to do what it was asked."""


class StorageError(InfrastructureError):
    """The object store can't be reached, or failed."""


class ChangedObjectError(StorageError):
    """What is stored is not what was stored once: its digest has changed. Fetching it again gives the same."""

    retryable = False


class DatabaseError(InfrastructureError):
    """The database can't be reached, or failed."""


class DiskError(InfrastructureError):
    """This machine's own disk is full, or can't be written."""


class ImageUnavailableError(InfrastructureError):
    """An allowed image is neither on the engine nor to be had from its registry."""

    retryable = False


class RunCancelledError(SkillboxError):
    """The caller asked for the end before the skill was started."""


class ExecutionError(SkillboxError):
    """An execution did not end as `success`. Carries the whole result.

    Raised by `RunResult.raise_for_status`. One that was made by hand, as in the test of a flow, carries a result
    that says what it says.
    """

    status: ClassVar[Status] = Status.FAILED

    def __init__(self, message: str, *, hint: str | None = None, result: RunResult | None = None) -> None:
        super().__init__(message, hint=hint)
        self._result = result

    @property
    def result(self) -> RunResult:
        """How the execution ended."""
        if self._result is None:
            from skillbox_core.models import RunResult

            self._result = RunResult(execution_id="", status=self.status, error=self.message)
        return self._result

    @classmethod
    def of(cls, result: RunResult) -> ExecutionError:
        """The error of the matching class for a result that is not a success."""
        kind = _KINDS.get(result.status, ExecutionFailedError)
        return kind(result.error or f"the execution ended as {result.status.value}", result=result)


class ExecutionFailedError(ExecutionError):
    """The execution ended as `failed`; `result.reason` says why."""


class ExecutionTimeoutError(ExecutionError, TimeoutError):
    """The skill was still running at its deadline. A builtin `TimeoutError` too, as schedulers expect."""

    status = Status.TIMEOUT


class ExecutionCancelledError(ExecutionError):
    """The execution was cancelled by its caller."""

    status = Status.CANCELLED


_KINDS: dict[Status, type[ExecutionError]] = {
    Status.TIMEOUT: ExecutionTimeoutError,
    Status.CANCELLED: ExecutionCancelledError,
}
