"""What a caller gets back, and the errors that carry it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from skillbox_core.base.names import DEFAULT_TENANT
from skillbox_core.errors import SkillboxError
from skillbox_core.status import Reason, Status


class RunResult(BaseModel):
    """How an execution ended. Its JSON is the original's.

    Attributes:
        output: What the skill wrote to output.json; left out of the JSON when there is none.
        files_url: Address of the files' tar.gz, good for a limited time; empty when there are none.
        files_list: Paths of the files inside it.
        logs: What the skill printed, capped; left out of the JSON when empty.
        error: What went wrong; None for a success.
        reason: Why the status is `failed`; not part of the JSON.
        usage: What the run used; not part of the JSON.
        artifacts: Its stored files with their digests; not part of the JSON.
    """

    model_config = ConfigDict(frozen=True)

    execution_id: str
    status: Status
    output: Any = None
    files_url: str = ""
    files_list: tuple[str, ...] = ()
    logs: str = ""
    duration_ms: int = 0
    error: str | None = None

    reason: Reason | None = Field(default=None, exclude=True)
    usage: Usage = Field(default_factory=lambda: Usage(), exclude=True)
    artifacts: Artifacts = Field(default_factory=lambda: Artifacts(), exclude=True)
    skill: str = Field(default="", exclude=True)
    version: str = Field(default="", exclude=True)
    tenant: str = Field(default=DEFAULT_TENANT, exclude=True)

    @model_serializer(mode="wrap")
    def _wire(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if data["output"] is None:
            del data["output"]
        if not data["logs"]:
            del data["logs"]
        return data

    def __iter__(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        """Only the output, for a scheduler that looks inside for what other runs gave.

        It knows values by their identity, and every empty text or `default` of a process is one and the same.
        """
        if isinstance(self.output, (dict, list)):
            yield "output", self.output

    @property
    def ok(self) -> bool:
        """Whether the skill succeeded."""
        return self.status is Status.SUCCESS

    def raise_for_status(self) -> Self:
        """Returns the result of a success, and raises an `ExecutionError` that carries any other."""
        if self.ok:
            return self
        raise ExecutionError.of(self)


@dataclass(frozen=True)
class Usage:
    """What a run used, as the sandbox's own cgroup counted it; None where it could not be read.

    Attributes:
        exit_code: Of the skill; 128 + n when signal n ended it.
        peak_memory: Bytes, files in `/sandbox` and `/tmp` included.
        cpu_seconds: User and system time of everything in the sandbox.
    """

    exit_code: int | None = None
    peak_memory: int | None = None
    cpu_seconds: float | None = None


@dataclass(frozen=True)
class FileDigest:
    """A file by what it is: path below `files/`, size in bytes, SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Artifacts:
    """The stored files of an execution.

    Attributes:
        key: `{tenant}/{execution}/files.tar.gz`, or empty when there are none.
        size: Bytes of the archive.
        sha256: Of the archive; empty for one that was stored before digests were kept.
    """

    key: str = ""
    files: tuple[FileDigest, ...] = ()
    size: int = 0
    sha256: str = ""


class ExecutionError(SkillboxError):
    """An execution did not end as `success`. Carries the whole result.

    Raised by `RunResult.raise_for_status`.
    """

    result: RunResult

    @classmethod
    def of(cls, result: RunResult) -> ExecutionError:
        """The error of the matching class for a result that is not a success."""
        kinds = {"timeout": ExecutionTimeoutError, "cancelled": ExecutionCancelledError}
        kind = kinds.get(result.status.value, ExecutionFailedError)
        error = kind(result.error or f"the execution ended as {result.status.value}")
        error.result = result
        return error


class ExecutionFailedError(ExecutionError):
    """The execution ended as `failed`; `result.reason` says why."""


class ExecutionTimeoutError(ExecutionError, TimeoutError):
    """The skill was still running at its deadline. A builtin `TimeoutError` too, as schedulers expect."""


class ExecutionCancelledError(ExecutionError):
    """The execution was cancelled by its caller."""


RunResult.model_rebuild()
