"""What is an orphan, by what an engine and the records say. Pure but for the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Literal

from skillbox_core.sandbox.container import LABEL_DEADLINE, LABEL_EXECUTION, LABEL_OWNER
from skillbox_core.status import Status
from skillbox_core.storage.tables import ExecutionRow, WaitingRow, aware, now

REMOVAL = 30.0
"""Seconds for which a container whose record was closed is left to the process that closed it, and removes it now."""
UNLAUNCHED = timedelta(hours=24)
"""A record without a container is given this long, for queues and slow pulls, where its owner says nothing."""
UNKNOWN = 120.0
"""Seconds for which a container that waits for a job, and of which no record knows, is left to whoever makes it."""


@dataclass(frozen=True)
class Orphan:
    """One thing to clean up.

    Attributes:
        kind: `waiting` is a container that waits for a job, and so belongs to no execution.
        name: The container's name, the execution's id, the name of an entry of this machine's spool, or of the images
            of environments.
        why: What makes it an orphan.
        ends_as: What its record becomes, if it is closed.
        done: It was carried out.
        error: Why it could not be.
        holder: Attempt and key of its record when it was found. Who has begun or taken it over since looks after it.
    """

    kind: Literal["container", "waiting", "record", "spool", "environments"]
    name: str
    execution_id: str
    why: str
    ends_as: Status | None = None
    done: bool = False
    error: str | None = None
    holder: tuple[int, str] | None = field(default=None, repr=False)

    @property
    def what(self) -> str:
        """Its kind in a person's words."""
        return "waiting container" if self.kind == "waiting" else self.kind

    def document(self) -> dict[str, Any]:
        """What it says, as JSON values."""
        said = asdict(self)
        del said["holder"]
        return said


def judge_container(
    container: Mapping[str, Any],
    records: Mapping[str, ExecutionRow],
    over: Mapping[str, Status],
    wall_clock: float,
    patience: float,
) -> Orphan | None:
    """Whether a container is an orphan. Pure.

    Args:
        over: Owners that have ended.
        wall_clock: Seconds since the epoch.
        patience: Seconds after its deadline for which a container is left alone.
    """
    labels = container["Labels"]
    record = records.get(execution_id_of(container))

    def orphan(why: str) -> Orphan:
        holder = holder_of(record) if record is not None else None
        return Orphan("container", name_of(container), execution_id_of(container), why, holder=holder)

    if record is not None and record.status != Status.RUNNING:
        closed = aware(record.finished_at).timestamp() if record.finished_at else 0.0
        if abs(wall_clock - closed) >= REMOVAL:
            return orphan(f"its execution is finished ({record.status})")
    if (status := over.get(owner_of(container))) is not None:
        return orphan(f"the run that it belonged to is over ({status.value})")
    try:
        deadline = float(labels.get(LABEL_DEADLINE, ""))
    except ValueError:
        return orphan("it says no deadline")
    if wall_clock > deadline + patience:
        return orphan(f"its deadline is over since {wall_clock - deadline:.0f} s")
    return None


def judge_claimed(
    container: Mapping[str, Any],
    record: ExecutionRow,
    over: Mapping[str, Status],
    wall_clock: float,
    patience: float,
) -> Orphan | None:
    """As `judge_container`, for a waiting container that an execution has taken: its labels say nothing of that one.

    Args:
        record: Of the execution.
    """
    deadline = f"{aware(record.deadline_at).timestamp():.0f}" if record.deadline_at else ""
    labels = {LABEL_EXECUTION: record.id, LABEL_OWNER: record.owner or "", LABEL_DEADLINE: deadline}
    return judge_container({**container, "Labels": labels}, {record.id: record}, over, wall_clock, patience)


def judge_waiting(container: Mapping[str, Any], row: WaitingRow | None, wall_clock: float) -> Orphan | None:
    """Whether a container that waits for a job, and that no execution has taken, is an orphan. Pure.

    Args:
        row: What may be taken, if it may; None for one that is being made, or was given up.
        wall_clock: Seconds since the epoch.
    """
    if row is None:
        # Whoever takes one writes both down at once, so that there is no moment at which it is of neither.
        if wall_clock - float(container.get("Created") or 0) > UNKNOWN:
            return Orphan("waiting", name_of(container), "", "it waits for a job, and no record knows it")
        return None
    if orphan := judge_waiting_record(row, wall_clock):
        return orphan
    if row.ready and container.get("State") not in ("running", "created"):
        return Orphan("waiting", row.name, "", f"it waits for nothing any more ({container.get('State')})")
    return None


def judge_waiting_record(row: WaitingRow, wall_clock: float) -> Orphan | None:
    """Whether the record of a waiting container is an orphan, whatever became of the container. Pure."""
    over = wall_clock - aware(row.ends_at).timestamp()
    if over < 0:
        return None
    return Orphan("waiting", row.name, "", f"nobody took it, and its time is over since {over:.0f} s")


def judge_record(row: ExecutionRow, held: set[str], over: Mapping[str, Status], patience: float) -> Orphan | None:
    """Whether a `running` record is an orphan. Pure but for the clock.

    Args:
        held: Executions whose container stays.
    """
    if row.id in held:
        return None
    if (status := over.get(row.owner or "")) is not None:
        why = f"the run that it belonged to is over ({status.value})"
        return Orphan("record", row.id, row.id, why, status, holder=holder_of(row))
    if row.deadline_at is None:
        lost = now() - aware(row.created_at) > UNLAUNCHED
        why = "no container was ever made for it"
    else:
        lost = now() - aware(row.deadline_at) > timedelta(seconds=patience)
        why = "its deadline is over and its container is gone"
    return Orphan("record", row.id, row.id, why, Status.FAILED, holder=holder_of(row)) if lost else None


def holder_of(row: ExecutionRow) -> tuple[int, str]:
    return row.attempt, row.idempotency_key


def execution_id_of(container: Mapping[str, Any]) -> str:
    return str(container["Labels"].get(LABEL_EXECUTION, ""))


def owner_of(container: Mapping[str, Any]) -> str:
    return str(container["Labels"].get(LABEL_OWNER, ""))


def name_of(container: Mapping[str, Any]) -> str:
    names: Sequence[str] = container.get("Names") or ()
    return names[0].lstrip("/") if names else str(container["Id"])
