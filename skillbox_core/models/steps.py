"""What the steps of a run hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from skillbox_core.models.calls import RunResult, Usage
from skillbox_core.status import Reason, Status


@dataclass(frozen=True)
class Execution:
    """An execution as the record shows it when a run begins.

    Attributes:
        id: 32 hex digits.
        attempt: 1, and one more each time a lost container was replaced.
        launched: A container was made for this attempt, so its skill may have started.
        result: Set when the record is finished already.
    """

    id: str
    tenant: str
    skill: str
    version: str
    attempt: int
    created_at: datetime
    launched: bool = False
    result: RunResult | None = None


@dataclass(frozen=True)
class LoadedSkill:
    """A skill in the local cache, checked and allowed to run.

    Attributes:
        path: The cached zip file.
        digest: SHA-256 of it.
        image: The image that will run it, after aliases.
    """

    name: str
    version: str
    digest: str
    path: Path
    lang: str
    entrypoint: str
    image: str
    timeout: float
    cpu_quota: int
    memory: int
    scratch: int


@dataclass(frozen=True)
class Sandbox:
    """A container in which the skill has started.

    Attributes:
        deadline: Seconds since the epoch when the skill must have ended, for other processes. The process
            that waits measures with its own monotonic clock.
    """

    container_id: str
    name: str
    image_id: str
    deadline: float


class Ending(StrEnum):
    """How a sandbox ended its work."""

    EXITED = "exited"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    LOST = "lost"


@dataclass(frozen=True)
class Outcome:
    """What waiting for a sandbox gave.

    Attributes:
        logs: What the skill printed, capped, sanitised and marked where it was cut.
        oom: The kernel killed something in the sandbox for memory.
        scratch_full: `/sandbox` had no room left at the end.
        collectable: The container is parked and its output can be read.
    """

    ending: Ending
    logs: str = ""
    usage: Usage = field(default_factory=Usage)
    oom: bool = False
    scratch_full: bool = False
    collectable: bool = False
    detail: str = ""


@dataclass(frozen=True)
class OutputFile:
    """A file that a skill left: path below `files/`, size in bytes, SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Output:
    """What a skill left behind, after checks.

    Attributes:
        document: Text of output.json; None when there is none that is valid.
        problem: Why there is none.
        spool: Local tar.gz of the files; None when there are no files.
        skipped: Entries that were not taken, with the reason.
    """

    document: str | None = None
    problem: str | None = None
    spool: Path | None = None
    files: tuple[OutputFile, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Artifacts:
    """The stored files of an execution.

    Attributes:
        key: `{tenant}/{execution}/files.tar.gz`, or empty when there are none.
        size: Bytes of the archive.
        sha256: Of the archive.
    """

    key: str = ""
    files: tuple[OutputFile, ...] = ()
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Verdict:
    """The final word on an execution: what its record will say.

    Attributes:
        output: JSON text, or None.
    """

    status: Status
    reason: Reason | None = None
    error: str | None = None
    output: str | None = None
    logs: str = ""
    artifacts: Artifacts = field(default_factory=Artifacts)
    skipped: tuple[tuple[str, str], ...] = ()
    usage: Usage = field(default_factory=Usage)
