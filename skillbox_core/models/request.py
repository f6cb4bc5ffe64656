"""What a caller hands in and gets back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from skillbox_core.errors import ExecutionError
from skillbox_core.status import Reason, Status

DEFAULT_TENANT = "default"


class RunRequest(BaseModel):
    """What to run. Its JSON is the original's; the tenant is never part of it.

    Attributes:
        skill: Name of the skill.
        version: A version, a constraint such as `^1.2` or `~1.2` (`skillbox_core.base.versions.Constraint`), or
            empty or `latest` for the highest.
        input: Any JSON value; none becomes `{}` for the skill.
        env: Additional environment variables.
    """

    # What is wrong with a request must not show what is in it: an environment, the addresses of files.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    skill: str
    version: str = ""
    input: Any = None
    env: Mapping[str, str] = Field(default_factory=dict, repr=False)

    @field_validator("env", mode="before")
    @classmethod
    def _no_env(cls, value: Any) -> Any:
        return {} if value is None else value

    @model_serializer(mode="wrap")
    def _wire(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if not data["env"]:
            del data["env"]
        return data


class Source(StrEnum):
    """Where a file for a skill comes from."""

    RUN = "run"
    """The files that an execution of the same tenant left."""
    PATH = "path"
    """A file or folder of the machine on which the skill is run."""
    URL = "url"
    """One object that fsspec can open."""


@dataclass(frozen=True)
class InputFile:
    """A file for a skill, or all files of a run or of a folder.

    Attributes:
        source: What `at` is.
        at: Execution id, absolute path, or URL. Not shown: a URL may be signed.
        member: One file of the run; empty means all.
        name: Where it lies below `/sandbox/in/files/`. Empty: under its own name; `a/b.csv`: under this one
            instead; `a/`: in this folder under its own name.
    """

    source: Source
    at: str = field(repr=False)
    member: str = ""
    name: str = ""


class RunOptions(BaseModel):
    """How to run it: what the caller decides beside the request.

    Attributes:
        timeout, cpu, memory: As in SKILL.md; None leaves the skill's or the installation's word.
        files: What lies in `/sandbox/in/files/`; `skillbox_core.input_files` makes these from what people write.
        key: Idempotency key. The same key with the same request is the same execution, in any process.
        owner: On whose behalf this runs, such as a Prefect flow run; a label on the container. All that one
            owner runs gets the same version for the same constraint.
        owner_attempt: Which try of the owner this is. A later try with the same request takes over an
            execution of an earlier one that is running or was a success, instead of beginning anew.
        env_identity: Tells environments with the same names apart, such as a digest of the values that may be told.
            Requests that differ in it are not the same.
    """

    # What is wrong with a request must not show what is in it: an environment, the addresses of files.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tenant: str = DEFAULT_TENANT
    timeout: str | None = None
    cpu: str | None = None
    memory: str | None = None
    files: tuple[InputFile, ...] = ()
    key: str | None = Field(default=None, max_length=200)
    owner: str | None = Field(default=None, max_length=200)
    owner_attempt: int = Field(default=0, ge=0)
    env_identity: str = Field(default="", max_length=200)


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


RunResult.model_rebuild()
