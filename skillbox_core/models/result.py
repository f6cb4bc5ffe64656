"""What a caller gets back, and the errors that carry it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from skillbox_core.base.file_archive import Span
from skillbox_core.base.names import DEFAULT_TENANT
from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import SkillboxError
from skillbox_core.models.call import Call
from skillbox_core.models.diagnosis import Diagnosis
from skillbox_core.status import Reason, Status

NOT_REPORTED = "not reported"


class RunResult(BaseModel):
    """How an execution ended. Its JSON is the original's, which leaves out what is empty.

    Attributes:
        output: What the skill wrote to output.json. None without one, and for one that says `null`: `has_output`
            tells them apart, and the JSON has the second one only.
        files_url: Address of the files' tar.gz, good for a limited time; empty, and not in the JSON, when there
            are none.
        files_list: Paths of the files inside it; not in the JSON when there are none.
        logs: What the skill printed, capped; not in the JSON when empty.
        error: What went wrong, the summary of the diagnosis; None for a success.
        reason: Why the status is `failed`; not part of the JSON.
        diagnosis: Why it failed, or what a success should be warned of; None for any other. Not part of the JSON.
        usage: What the run used; not part of the JSON.
        call: Which script ran, and how; None for the skill's own entrypoint. Not part of the JSON.
        artifacts: Its stored files with their digests; not part of the JSON.
        left_out: What the skill left and what was not stored; not part of the JSON.
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
    diagnosis: Diagnosis | None = Field(default=None, exclude=True)
    usage: Usage = Field(default_factory=lambda: Usage(), exclude=True)
    call: Call | None = Field(default=None, exclude=True)
    artifacts: Artifacts = Field(default_factory=lambda: Artifacts(), exclude=True)
    left_out: tuple[LeftOut, ...] = Field(default=(), exclude=True)
    skill: str = Field(default="", exclude=True)
    version: str = Field(default="", exclude=True)
    tenant: str = Field(default=DEFAULT_TENANT, exclude=True)

    @model_serializer(mode="wrap")
    def _wire(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if not self.has_output:
            data.pop("output", None)
        for name in ("files_url", "files_list", "logs"):
            if not data.get(name, True):
                del data[name]
        return data

    @property
    def has_output(self) -> bool:
        """Whether there is an output, which may be None: that is what a skill's `null` is in Python."""
        return self.output is not None or "output" in self.model_fields_set

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
        peak_memory: Bytes that the container had at most, files in `/sandbox`, `/tmp` and `/dev/shm` included.
        cpu_seconds: User and system time of everything in the sandbox.
        memory_limit: Bytes that the container may have: `resources.memory` and room for those files.
        file_memory: Bytes of those files at the end.
    """

    exit_code: int | None = None
    peak_memory: int | None = None
    cpu_seconds: float | None = None
    memory_limit: int | None = None
    file_memory: int | None = None

    def shown(self) -> dict[str, str]:
        """What was measured, for people to read, by field; empty where there was no sandbox or nothing to tell.

        A runtime with a kernel of its own may measure nothing, and what is not known must not look like little.
        """
        waited_for = self.memory_limit is not None
        cpu = f"{self.cpu_seconds:.2f} s" if self.cpu_seconds is not None else None
        told = {
            "peak_memory": format_bytes(self.peak_memory) if self.peak_memory is not None else None,
            "file_memory": format_bytes(self.file_memory) if self.file_memory is not None else None,
            "cpu_seconds": cpu,
        }
        return {name: text if text is not None else NOT_REPORTED if waited_for else "" for name, text in told.items()}


@dataclass(frozen=True)
class FileDigest:
    """A file by what it is: path below `files/`, size in bytes, SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class LeftOut:
    """An entry of `/sandbox/out` that was not stored: its path, in ASCII with escapes, and why."""

    path: str
    why: str


@dataclass(frozen=True)
class Artifacts:
    """The stored files of an execution.

    Attributes:
        key: `{tenant}/{execution}/files.tar.gz`, or empty when there are none.
        size: Bytes of the archive.
        sha256: Of the archive; empty for one that was stored before digests were kept.
        spans: Where in it the contents of each file lie, in the order of `files`; empty for one that was stored
            before these were kept, which can be read from its beginning only.
    """

    key: str = ""
    files: tuple[FileDigest, ...] = ()
    size: int = 0
    sha256: str = ""
    spans: tuple[Span, ...] = ()


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
            self._result = RunResult(execution_id="", status=self.status, error=self.message)
        return self._result

    @classmethod
    def of(cls, result: RunResult) -> ExecutionError:
        """The error of the matching class for a result that is not a success."""
        kind = _KINDS.get(result.status, ExecutionFailedError)
        hint = result.diagnosis.resolution or None if result.diagnosis else None
        return kind(result.error or f"the execution ended as {result.status.value}", hint=hint, result=result)


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


RunResult.model_rebuild()
