"""Every error this package raises, as one tree; those that carry a result stand beside it (`models.result`).

An error says what was wrong, where, and what to do next (`hint`). Three class attributes let callers
decide without reading text: `reason` (why an execution failed, if this error ends one), `retryable`
(trying the same step again may help; true only for infrastructure) and nothing else.

Errors survive pickling: each takes one message, everything else lives in attributes.
"""

from __future__ import annotations

from typing import ClassVar

from skillbox_core.status import Reason


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


class KeyUsedError(InvalidRequestError):
    """An idempotency key was used for another request before."""


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


class NoAnswerError(EngineError):
    """A script of this package's own ended badly in a sandbox, or left no answer there."""


class StorageError(InfrastructureError):
    """The object store can't be reached, or failed."""


class ChangedObjectError(StorageError):
    """What is stored is not what was stored once: its digest has changed. Fetching it again gives the same."""

    retryable = False


class DatabaseError(InfrastructureError):
    """The database can't be reached, or failed."""


class IndexUnavailableError(InfrastructureError):
    """The index of Python packages can't be reached, or does not answer as one."""


class DiskError(InfrastructureError):
    """This machine's own disk is full, or can't be written."""


class ImageUnavailableError(InfrastructureError):
    """An allowed image is neither on the engine nor to be had from its registry."""

    retryable = False


class RunCancelledError(SkillboxError):
    """The caller asked for the end before the skill was started."""
