"""What a caller hands in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from skillbox_core.base.names import DEFAULT_TENANT, shown, split_entrypoint
from skillbox_core.base.quantities import check_limits
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models.call import Call


class RunRequest(BaseModel):
    """What to run. Its JSON is the original's; the tenant is never part of it.

    Read from JSON, keys that it does not have and a null version or environment are passed over, as the original
    does. A keyword or a mapping in Python that it does not have is an error, since it is a typing mistake.

    Attributes:
        skill: Name of the skill; `name#entrypoint` for a call that its overlay names.
        version: A version, a constraint such as `^1.2` or `~1.2` (`skillbox_core.base.versions.Constraint`), or
            empty or `latest` for the highest.
        input: Any JSON value, or what becomes one (`skillbox_core.run.json_values`); none becomes `{}` for the skill.
        env: Additional environment variables.
    """

    # What is wrong with a request must not show what is in it: an environment, the addresses of files.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    skill: str
    version: str = ""
    input: Any = None
    env: Mapping[str, str] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _as_the_original_reads(cls, data: Any, info: ValidationInfo) -> Any:
        if info.mode != "json" or not isinstance(data, dict):
            return data
        # In Go a name fits in any case; the exact one comes first.
        lower = {str(name).lower(): value for name, value in data.items()}
        read = {name: data.get(name, lower.get(name)) for name in cls.model_fields if name in data or name in lower}
        if isinstance(env := read.get("env"), dict):
            read["env"] = {name: "" if value is None else value for name, value in env.items()}
        return read

    @field_validator("version", mode="before")
    @classmethod
    def _no_version(cls, value: Any) -> Any:
        return "" if value is None else value

    @field_validator("env", mode="before")
    @classmethod
    def _no_env(cls, value: Any) -> Any:
        return {} if value is None else value

    @model_serializer(mode="wrap")
    def _wire(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if not data.get("env", True):
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
    FRAME = "frame"
    """A table in memory, or the file that was written of it for one call."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A table in memory; two are the same only where they are one, since libraries compare tables value by value.

    Attributes:
        rows: What `skillbox_core.inputs.frames` takes: a table of any library with Arrow's interface, an iterator or
            a list of record batches.
    """

    rows: Any


@dataclass(frozen=True)
class FrameFile:
    """The file that was written of a table, for as long as a call lasts.

    Attributes:
        path: Absolute.
        size: Bytes.
        sha256: Of its contents.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class InputFile:
    """A file for a skill, or all files of a run or of a folder.

    Attributes:
        source: What `at` is.
        at: Execution id, absolute path, or URL. Not shown: a URL may be signed.
        member: One file of the run; empty means all.
        name: Where it lies below `/sandbox/in/files/`. Empty: under its own name; `a/b.csv`: under this one
            instead; `a/`: in this folder under its own name.
        frame: The table of a `Source.FRAME`, before and after it was written; its `at` is empty.
    """

    source: Source
    at: str = field(repr=False)
    member: str = ""
    name: str = ""
    frame: Frame | FrameFile | None = field(default=None, repr=False)


class RunOptions(BaseModel):
    """How to run it: what the caller decides beside the request.

    Attributes:
        timeout, cpu, memory: As in SKILL.md; None leaves the skill's or the installation's word. One that is
            malformed is an `InvalidRequestError` at once.
        call: Which script runs, and how; None for the skill's own entrypoint.
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
    call: Call | None = None
    files: tuple[InputFile, ...] = ()
    key: str | None = Field(default=None, max_length=200)
    owner: str | None = Field(default=None, max_length=200)
    owner_attempt: int = Field(default=0, ge=0)
    env_identity: str = Field(default="", max_length=200)

    @field_validator("call")
    @classmethod
    def _one_call(cls, value: Call | None) -> Call | None:
        if value and value.script and value.entrypoint:
            raise InvalidRequestError("a call is of a script or of an entrypoint, and this one names both")
        return value

    @field_validator("timeout", "cpu", "memory", mode="before")
    @classmethod
    def _limit(cls, value: Any, info: ValidationInfo) -> Any:
        assert info.field_name is not None
        check_limits(**{info.field_name: value})
        return value


def referenced(reference: str, call: Call | None = None) -> tuple[str, Call | None]:
    """A reference without its `#entrypoint`, and the call of that; the call that is given where it has none.

    Raises:
        InvalidRequestError: It names an entrypoint beside another call, or by what is no name.
    """
    bare, entrypoint = split_entrypoint(reference)
    if entrypoint is None:
        return bare, call
    if call is not None:
        raise InvalidRequestError(
            f"{shown(reference)} names an entrypoint, and the script {shown(call.script)} is another call",
            hint="call one of both",
        )
    if not entrypoint:
        raise InvalidRequestError(f"{shown(reference)} names no entrypoint behind its #")
    return bare, Call(entrypoint=entrypoint)


def addressed(request: RunRequest, options: RunOptions) -> tuple[RunRequest, RunOptions]:
    """A request for an entrypoint as one for a skill, with options that call it. Raises as `referenced`."""
    name, call = referenced(request.skill, options.call)
    if call is options.call:
        return request, options
    return request.model_copy(update={"skill": name}), options.model_copy(update={"call": call})
