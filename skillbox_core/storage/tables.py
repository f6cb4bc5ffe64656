"""The tables, as SQLModel classes. JSON is kept as text: any database takes it, with any character in it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, String, Text, text
from sqlmodel import Field, SQLModel


def now() -> datetime:
    """The present, with its time zone."""
    return datetime.now(UTC)


def aware(moment: datetime) -> datetime:
    """SQLite gives times back without their zone; they were written in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class ExecutionRow(SQLModel, table=True):
    """One execution: the original's columns, and what crash-proof runs need beside them."""

    __tablename__ = "executions"
    __table_args__ = (
        # A list is read in the order of one of these, from where its last page ended.
        Index("ix_executions_listed", "tenant_id", "created_at", "id"),
        Index("ix_executions_listed_status", "tenant_id", "status", "created_at", "id"),
        Index("ix_executions_listed_skill", "tenant_id", "skill_name", "created_at", "id"),
        Index("ix_executions_status", "status"),
        # What a flow run asked for in an earlier try; one with a batch has thousands.
        Index("ix_executions_owner_request", "owner", "request_digest"),
        # Few have one.
        Index(
            "ix_executions_claimed",
            "claimed",
            sqlite_where=text("claimed IS NOT NULL"),
            postgresql_where=text("claimed IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=32)
    skill_name: str = Field(max_length=64)
    skill_version: str = Field(max_length=64)
    asked_version: str = Field(max_length=64)
    skill_digest: str | None = Field(default=None, max_length=64)
    tenant_id: str = Field(max_length=64)
    status: str = Field(max_length=16)
    reason: str | None = Field(default=None, max_length=16)
    attempt: int = 1
    input: str = Field(sa_column=Column(Text, nullable=False))
    call: str | None = Field(default=None, sa_column=Column(Text))
    """Which script was called, and how, as JSON; None for the skill's own entrypoint."""
    output: str | None = Field(default=None, sa_column=Column(Text))
    logs: str = Field(default="", sa_column=Column(Text, nullable=False))
    files_key: str = Field(default="", max_length=255)
    files_list: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    files_digests: str = Field(default="[]", sa_column=Column(Text, nullable=False, server_default="[]"))
    """For each file its path, size and SHA-256."""
    files_spans: str = Field(default="[]", sa_column=Column(Text, nullable=False, server_default="[]"))
    """For each of these files where its contents lie in the archive: offset and length. Empty in older records."""
    files_size: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    files_sha256: str = Field(default="", sa_column=Column(String(64), nullable=False, server_default=""))
    input_files: str = Field(default="[]", sa_column=Column(Text, nullable=False, server_default="[]"))
    """As files_digests, for the files the skill was given."""
    files_skipped: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    image: str | None = Field(default=None, max_length=255)
    image_id: str | None = Field(default=None, max_length=80)
    exit_code: int | None = None
    peak_memory: int | None = Field(default=None, sa_column=Column(BigInteger))
    cpu_seconds: float | None = None
    memory_limit: int | None = Field(default=None, sa_column=Column(BigInteger))
    file_memory: int | None = Field(default=None, sa_column=Column(BigInteger))
    duration_ms: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    error: str | None = Field(default=None, sa_column=Column(Text))
    diagnosis: str | None = Field(default=None, sa_column=Column(Text))
    """Its fields as JSON; None where `error` says all that is known, as in records of before there were any."""
    idempotency_key: str = Field(max_length=300, unique=True)
    request_digest: str = Field(max_length=64)
    owner: str | None = Field(default=None, max_length=200)
    owner_attempt: int = 0
    instance: str = Field(max_length=64)
    claimed: str | None = Field(default=None, max_length=64)
    """The waiting container that its attempt has taken; None where its container bears its own name."""
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    deadline_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    finished_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class WaitingRow(SQLModel, table=True):
    """A container that waits for its job. Whoever deletes its row has it, and nobody has it again."""

    __tablename__ = "waiting_containers"
    __table_args__ = (Index("ix_waiting_containers_kind", "instance", "engine", "kind"),)

    instance: str = Field(primary_key=True, max_length=64)
    engine: str = Field(primary_key=True, max_length=128)
    """Its name; see `skillbox_core.sandbox.engine.Engine.name`."""
    place: int = Field(primary_key=True)
    """Of those that the installation may have on this engine. Two that make one at once can't have the same."""
    name: str = Field(max_length=64, unique=True)
    kind: str = Field(max_length=64)
    """What it is good for; see `skillbox_core.sandbox.waiting.Kind`."""
    image: str = Field(max_length=512)
    """As the skill that it was made after names it, for people; which one it is its id says."""
    image_id: str = Field(max_length=80)
    memory: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Bytes for a skill; without its scratch area."""
    scratch: int = Field(sa_column=Column(BigInteger, nullable=False))
    cpu_quota: int
    """Microseconds for each 100 ms."""
    ready_for: str = Field(default="", max_length=256)
    """What waits in it, for people: an interpreter with its script and modules, or a shell."""
    ready: bool = False
    """It runs, and is as it was asked to be."""
    made_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    """When it ends by itself, if nobody takes it."""


class AskedKindRow(SQLModel, table=True):
    """When a run last wanted a waiting container of a kind. What is older than one would wait counts no more."""

    __tablename__ = "asked_kinds"

    instance: str = Field(primary_key=True, max_length=64)
    engine: str = Field(primary_key=True, max_length=128)
    kind: str = Field(primary_key=True, max_length=64)
    """As in `WaitingRow`."""
    asked_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class SkillDigestRow(SQLModel, table=True):
    """What the bytes of a stored version must be: the first that were seen, for ever."""

    __tablename__ = "skill_digests"

    tenant_id: str = Field(primary_key=True, max_length=64)
    skill_name: str = Field(primary_key=True, max_length=64)
    version: str = Field(primary_key=True, max_length=64)
    digest: str = Field(max_length=64)
    contents: str | None = Field(default=None, max_length=64)
    """Of its files, however they are packed; None where nobody has pushed it, or a Skillbox of before there was one."""
    runnable: bool | None = None
    """Whether it has an entrypoint; None where that was not known."""
    source_folder: str | None = Field(default=None, sa_column=Column(Text))
    source_commit: str | None = Field(default=None, max_length=64)
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class SkillListingRow(SQLModel, table=True):
    """What lists say of a stored version: it can be made again from the archive, and decides nothing that runs."""

    __tablename__ = "skill_listings"

    tenant_id: str = Field(primary_key=True, max_length=64)
    skill_name: str = Field(primary_key=True, max_length=64)
    version: str = Field(primary_key=True, max_length=64)
    digest: str = Field(max_length=64)
    """Of the archive that was read. It counts as long as it is the one in `skill_digests`."""
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Bytes of that archive."""
    form: int
    """See `skillbox_core.skills.listing.FORM`."""
    facts: str = Field(sa_column=Column(Text, nullable=False))
    files: str = Field(sa_column=Column(Text, nullable=False))
    """Paths, as JSON. There may be thousands."""


class ResolutionRow(SQLModel, table=True):
    """Which version an owner got for a constraint: the first answer, which stands for all that it runs."""

    __tablename__ = "resolutions"

    owner: str = Field(primary_key=True, max_length=200)
    tenant_id: str = Field(primary_key=True, max_length=64)
    skill_name: str = Field(primary_key=True, max_length=64)
    asked_version: str = Field(primary_key=True, max_length=64)
    version: str = Field(max_length=64)
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class InterpreterRow(SQLModel, table=True):
    """The Python, the Node or a command of an image, asked once: an image of one id never changes."""

    __tablename__ = "interpreters"

    image_id: str = Field(primary_key=True, max_length=80)
    image: str = Field(max_length=255)
    """The name that it was asked for by; several images may have had it."""
    interpreter: str = Field(max_length=64)
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class TreeRow(SQLModel, table=True):
    """What the bytes of an environment must be: the first that a lock gave for an interpreter, for ever."""

    __tablename__ = "trees"

    lock_digest: str = Field(primary_key=True, max_length=80)
    interpreter: str = Field(primary_key=True, max_length=64)
    digest: str = Field(max_length=80)
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
