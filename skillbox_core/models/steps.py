"""What the steps of a run hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from skillbox_core.base.file_archive import Span
from skillbox_core.base.names import container_name
from skillbox_core.models.call import Call
from skillbox_core.models.declared_file import DeclaredFile
from skillbox_core.models.diagnosis import Diagnosis
from skillbox_core.models.environment import Tree
from skillbox_core.models.request import InputFile
from skillbox_core.models.result import Artifacts, FileDigest, RunResult, Usage
from skillbox_core.status import Reason, Status


@dataclass(frozen=True)
class PlannedFile:
    """A file that a skill will be given.

    Attributes:
        path: Below `/sandbox/in/files/`, checked.
        source: The one file it comes from.
        size: Bytes, where that is known beforehand.
        sha256: Of its contents, where that is known beforehand.
        mark: What its store says about its contents instead (an ETag, a date); empty where it says nothing.
    """

    path: str
    source: InputFile
    size: int | None = None
    sha256: str = ""
    mark: str = ""

    @property
    def identity(self) -> str:
        """What makes two files the same, as far as that is known without reading them."""
        return f"sha256:{self.sha256}" if self.sha256 else f"{self.source.at} {self.mark} size={self.size}"

    @property
    def known(self) -> bool:
        """Whether `identity` changes with the contents. An address and a size do not tell."""
        return bool(self.sha256 or self.mark)


@dataclass(frozen=True)
class StagedFile:
    """A file for a skill in the local spool, under a name that nobody chose."""

    digest: FileDigest
    spool: Path


@dataclass(frozen=True)
class Execution:
    """An execution as the record shows it when a run begins.

    Attributes:
        id: 32 hex digits.
        attempt: 1, and one more each time a lost container was replaced.
        key: Under which the record was opened or taken over. Who takes it over gives it another one, so that
            whoever had it before can't write to it any more.
        launched: This attempt has a container, so its skill may have started.
        claimed: Name of the waiting container that this attempt has taken; None where its container is made for it.
        files: What its skill is given.
        input: What its skill is given, as JSON text.
        result: Set when the record is finished already.
    """

    id: str
    tenant: str
    skill: str
    version: str
    attempt: int
    created_at: datetime
    key: str
    launched: bool = False
    claimed: str | None = None
    files: tuple[PlannedFile, ...] = ()
    input: str = field(default="null", repr=False)
    result: RunResult | None = None

    @property
    def container(self) -> str:
        """The name by which any process finds this attempt's container."""
        return self.claimed or container_name(self.id, self.attempt)


@dataclass(frozen=True)
class LoadedSkill:
    """A skill in the local cache, checked and allowed to run.

    Attributes:
        digest: SHA-256 of its zip file.
        image: The image that will run it, after aliases; with its digest where it is pinned.
        input_schema, output_schema: JSON text of the schemas, None where the skill has none.
        input_files, output_files: What it says of the files that it takes and leaves.
        tree: The files of its environment; None for a skill that needs none, or brings its packages along.
        call: Which script was called, and how; None for the skill's own entrypoint.
        own_folder: It runs in the skill's own folder, not in `/sandbox`; see `skillbox_core.skills.entry`.
    """

    name: str
    version: str
    digest: str
    lang: str
    entrypoint: str
    image: str
    timeout: float
    cpu_quota: int
    memory: int
    scratch: int
    input_schema: str | None = None
    output_schema: str | None = None
    input_files: tuple[DeclaredFile, ...] = ()
    output_files: tuple[DeclaredFile, ...] = ()
    tree: Tree | None = None
    call: Call | None = None
    own_folder: bool = False


@dataclass(frozen=True)
class Sandbox:
    """A container in which the skill has started.

    Attributes:
        user: `UID:GID` as whom it runs; nobody else, root neither, can read its files.
    """

    container_id: str
    name: str
    user: str


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
        stderr: The last lines that the skill wrote there.
        oom_kills: Processes in the sandbox that the kernel killed for memory.
        full: The file systems that had no room left at the end, by where they are mounted.
        pids_refused: How often the kernel refused the sandbox another process or thread.
        collectable: The container is parked and its output can be read.
    """

    ending: Ending
    logs: str = ""
    usage: Usage = field(default_factory=Usage)
    stderr: str = ""
    oom_kills: int = 0
    full: tuple[str, ...] = ()
    pids_refused: int = 0
    collectable: bool = False
    detail: str = ""


@dataclass(frozen=True)
class Output:
    """What a skill left behind, after checks.

    Attributes:
        document: Text of output.json; None when there is none that is JSON.
        problem: Why it can't be accepted: missing, no JSON, or not what the skill's output_schema promises.
        spool: Local tar.gz of the files; None when there are no files.
        sha256: Of that.
        spans: Where in it the contents of each file lie, in the order of `files`.
        skipped: Entries that were not taken, with the reason.
        blank: A script that was called printed nothing, which may be its result.
    """

    document: str | None = None
    problem: str | None = None
    spool: Path | None = None
    files: tuple[FileDigest, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    blank: bool = False
    sha256: str = ""
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The final word on an execution: what its record will say.

    Attributes:
        error: The summary of the diagnosis of a failure.
        output: JSON text, or None.
        diagnosis: Why it failed, or what a success should be warned of; None where `error` says it all.
        parked: The skill has ended by itself, and its supervisor has ended whatever it left running.
    """

    status: Status
    reason: Reason | None = None
    error: str | None = None
    output: str | None = None
    logs: str = ""
    artifacts: Artifacts = field(default_factory=Artifacts)
    skipped: tuple[tuple[str, str], ...] = ()
    usage: Usage = field(default_factory=Usage)
    diagnosis: Diagnosis | None = None
    parked: bool = False
