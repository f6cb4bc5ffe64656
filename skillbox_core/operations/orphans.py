"""Recovery: what a killed worker left behind, found by labels and records, never harming the living.

A container of this installation goes only if its execution is finished, and not just now, if whoever it ran for is
over, or if nobody can want it any more: its deadline is over, and so is the time for which its output is kept. A record
that still says `running` is closed when its container is gone and the same holds. Two reconcilers at once are
harmless: removing what is gone, and closing what is closed, do nothing.

Environments that take more room than they may go as well: else an engine on which nothing is built any more would keep
them for ever.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from skillbox_core.base.quantities import format_bytes, parse_duration
from skillbox_core.errors import SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, Verdict
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.container import LABEL_DEADLINE, LABEL_EXECUTION, LABEL_INSTANCE, LABEL_OWNER
from skillbox_core.sandbox.policy import MANAGED_BY
from skillbox_core.sandbox.pruning import prune_environments, removable, stored_environments
from skillbox_core.status import Reason, Status
from skillbox_core.storage.held_folder import abandoned
from skillbox_core.storage.spool import discard, stale_spool
from skillbox_core.storage.tables import ExecutionRow, aware, now

logger = logging.getLogger(__name__)

GRACE = 120.0
"""Seconds beyond the last moment at which a run's own worker, or a re-run of it, could still need something."""
REMOVAL = 30.0
"""Seconds for which a container whose record was closed is left to the process that closed it, and removes it now."""
UNLAUNCHED = timedelta(hours=24)
"""A record without a container is given this long, for queues and slow pulls, where its owner says nothing."""

EndedOwners: TypeAlias = Callable[[Collection[str]], Mapping[str, Status]]
"""Tells of these owners which are over, and as what their executions end: `cancelled` or `failed`."""


@dataclass(frozen=True)
class Orphan:
    """One thing to clean up.

    Attributes:
        name: The container's name, the execution's id, the name of an entry of this machine's spool, or of the images
            of environments.
        why: What makes it an orphan.
        ends_as: What its record becomes, if it is closed.
        done: It was carried out.
        error: Why it could not be.
        holder: Attempt and key of its record when it was found. Who has begun or taken it over since looks after it.
    """

    kind: Literal["container", "record", "spool", "environments"]
    name: str
    execution_id: str
    why: str
    ends_as: Status | None = None
    done: bool = False
    error: str | None = None
    holder: tuple[int, str] | None = field(default=None, repr=False)

    def document(self) -> dict[str, Any]:
        """What it says, as JSON values."""
        said = asdict(self)
        del said["holder"]
        return said


def cleanup_orphans(
    installation: Installation, *, dry_run: bool = False, ended_owners: EndedOwners | None = None
) -> list[Orphan]:
    """Removes containers and spooled files, and closes records, that nobody looks after any more.

    Args:
        dry_run: Only say what would be done.
        ended_owners: Asks a scheduler about its runs; without it, deadlines alone decide.

    Returns:
        Each orphan with what became of it; one that fails does not stop the others.

    Raises:
        SkillboxError: The engine or the database can't be asked at all; nothing was touched.
    """
    found = find_orphans(installation, ended_owners)
    return found if dry_run else carry_out(installation, found)


def find_orphans(installation: Installation, ended_owners: EndedOwners | None = None) -> list[Orphan]:
    """The plan of a clean-up; see `cleanup_orphans`."""
    containers = _containers(installation)
    records = installation.executions.find([_execution_id(container) for container in containers])
    running = installation.executions.running(installation.settings.instance)
    owners = {row.owner for row in running if row.owner} | {owner for c in containers if (owner := _owner(c))}
    over = ended_owners(owners) if ended_owners and owners else {}
    patience = GRACE + parse_duration(installation.settings.collect_ttl)
    found = [o for c in containers if (o := judge_container(c, records, over, time.time(), patience))]
    going = {orphan.name for orphan in found}
    held = {_execution_id(c) for c in containers if _container_name(c) not in going}
    found += [o for row in running if (o := judge_record(row, held, over, patience))]
    found += [
        Orphan("spool", entry.name, entry.name.partition("-")[0], "files of an attempt that is over")
        for entry in stale_spool(installation.spool, installation.executions)
    ]
    found += [
        Orphan("spool", folder.name, "", "tables that were written by a process that is gone")
        for folder in abandoned(installation.spool)
    ]
    return found + _surplus(installation)


def _surplus(installation: Installation) -> list[Orphan]:
    """Environments beyond the engine's limit, as one: which of them go is seen when they are removed."""
    most = installation.settings.max_environments_size
    try:
        engine = installation.engine
        stored = stored_environments(engine)
        total = sum(one.size for one in stored)
        # What was used a moment ago stays in any case.
        if total <= most or not removable(stored, layer.seconds(engine.info()["SystemTime"])):
            return []
    except SkillboxError as error:
        logger.warning("could not look at environments: %s", error)
        return []
    why = f"they take {format_bytes(total)}, {format_bytes(most)} are allowed (SKILLBOX_MAX_ENVIRONMENTS_SIZE)"
    return [Orphan("environments", layer.REPOSITORY, "", why)]


def carry_out(installation: Installation, orphans: Sequence[Orphan]) -> list[Orphan]:
    """Does what a plan says; records first, so that a worker that wakes up late changes none of them.

    What is no orphan any more, because a later try has taken it over meanwhile, is left alone and left out.
    """
    in_order = sorted(orphans, key=lambda orphan: orphan.kind == "container")
    return [done for orphan in in_order if (done := _carry_out(installation, orphan))]


def end_owner(installation: Installation, owner: str, status: Status) -> list[Orphan]:
    """Ends whatever runs for an owner that was cancelled or lost, without waiting for anything.

    Args:
        owner: As in `RunOptions.owner`.
        status: What its open records become: `cancelled` or `failed`.

    Returns:
        What was found and what became of it.

    Raises:
        SkillboxError: The engine or the database can't be asked.
    """
    rows = installation.executions.running(installation.settings.instance, owner)
    why = f"the run that it belonged to is over ({status.value})"
    holders = {row.id: _holder(row) for row in rows}
    orphans = [Orphan("record", row.id, row.id, why, status, holder=holders[row.id]) for row in rows]
    orphans += [
        Orphan("container", _container_name(c), _execution_id(c), why, holder=holders.get(_execution_id(c)))
        for c in _containers(installation, {LABEL_OWNER: owner})
    ]
    return carry_out(installation, orphans)


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
    record = records.get(_execution_id(container))

    def orphan(why: str) -> Orphan:
        holder = _holder(record) if record is not None else None
        return Orphan("container", _container_name(container), _execution_id(container), why, holder=holder)

    if record is not None and record.status != Status.RUNNING:
        closed = aware(record.finished_at).timestamp() if record.finished_at else 0.0
        if abs(wall_clock - closed) >= REMOVAL:
            return orphan(f"its execution is finished ({record.status})")
    if (status := over.get(_owner(container))) is not None:
        return orphan(f"the run that it belonged to is over ({status.value})")
    try:
        deadline = float(labels.get(LABEL_DEADLINE, ""))
    except ValueError:
        return orphan("it says no deadline")
    if wall_clock > deadline + patience:
        return orphan(f"its deadline is over since {wall_clock - deadline:.0f} s")
    return None


def judge_record(row: ExecutionRow, held: set[str], over: Mapping[str, Status], patience: float) -> Orphan | None:
    """Whether a `running` record is an orphan. Pure but for the clock.

    Args:
        held: Executions whose container stays.
    """
    if row.id in held:
        return None
    if (status := over.get(row.owner or "")) is not None:
        why = f"the run that it belonged to is over ({status.value})"
        return Orphan("record", row.id, row.id, why, status, holder=_holder(row))
    if row.deadline_at is None:
        lost = now() - aware(row.created_at) > UNLAUNCHED
        why = "no container was ever made for it"
    else:
        lost = now() - aware(row.deadline_at) > timedelta(seconds=patience)
        why = "its deadline is over and its container is gone"
    return Orphan("record", row.id, row.id, why, Status.FAILED, holder=_holder(row)) if lost else None


def _carry_out(installation: Installation, orphan: Orphan) -> Orphan | None:
    """What became of an orphan; None where somebody has taken it over."""
    try:
        # Read anew for each: the engine can take minutes over the ones before.
        row = installation.executions.find([orphan.execution_id]).get(orphan.execution_id) if orphan.holder else None
        if row is not None and row.status == Status.RUNNING and _holder(row) != orphan.holder:
            return None
        if orphan.kind == "container":
            installation.engine.remove(orphan.name)
        elif orphan.kind == "spool":
            discard(installation.spool / orphan.name)
        elif orphan.kind == "environments":
            removed = prune_environments(installation.engine, installation.settings.max_environments_size)
            if not removed:
                return None
            sizes = format_bytes(sum(one.size for one in removed))
            return replace(orphan, why=f"{orphan.why}: {len(removed)} removed, {sizes}", done=True)
        elif (
            row is not None
            and installation.executions.close(_execution(row), _verdict(orphan)).status is Status.RUNNING
        ):
            return None
    except (SkillboxError, OSError) as error:
        logger.warning("could not clean up %s %s: %s", orphan.kind, orphan.name, error)
        return replace(orphan, error=str(error))
    return replace(orphan, done=True)


def _holder(row: ExecutionRow) -> tuple[int, str]:
    return row.attempt, row.idempotency_key


def _verdict(orphan: Orphan) -> Verdict:
    if orphan.ends_as is Status.CANCELLED:
        return Verdict(Status.CANCELLED, error=f"cancelled: {orphan.why}")
    return Verdict(Status.FAILED, Reason.INFRASTRUCTURE, f"the worker was lost: {orphan.why}")


def _execution(row: ExecutionRow) -> Execution:
    return Execution(
        row.id,
        row.tenant_id,
        row.skill_name,
        row.skill_version,
        row.attempt,
        aware(row.created_at),
        row.idempotency_key,
    )


def _containers(installation: Installation, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    ours = {"managed-by": MANAGED_BY, LABEL_INSTANCE: installation.settings.instance}
    return installation.engine.containers({**ours, **(labels or {})})


def _execution_id(container: Mapping[str, Any]) -> str:
    return str(container["Labels"].get(LABEL_EXECUTION, ""))


def _owner(container: Mapping[str, Any]) -> str:
    return str(container["Labels"].get(LABEL_OWNER, ""))


def _container_name(container: Mapping[str, Any]) -> str:
    names: Sequence[str] = container.get("Names") or ()
    return names[0].lstrip("/") if names else str(container["Id"])
