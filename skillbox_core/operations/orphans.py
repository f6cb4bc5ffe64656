"""Recovery: what a killed worker left behind, found by labels and records, never harming the living.

A container of this installation goes only if its execution is finished, and not just now, if whoever it ran for is
over, or if nobody can want it any more: its deadline is over, and so is the time for which its output is kept. One that
waits for a job goes when its time is over, or no record knows it; see `orphan_rules`. A record
that still says `running` is closed when its container is gone and the same holds. Two reconcilers at once are
harmless: removing what is gone, and closing what is closed, do nothing.

Environments that take more room than they may go as well: else an engine on which nothing is built any more would keep
them for ever.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from skillbox_core.base.quantities import format_bytes, parse_duration
from skillbox_core.errors import SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, Verdict
from skillbox_core.operations.orphan_rules import (
    Orphan,
    execution_id_of,
    holder_of,
    judge_claimed,
    judge_container,
    judge_record,
    judge_waiting,
    judge_waiting_record,
    name_of,
    owner_of,
)
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.container import LABEL_INSTANCE, LABEL_OWNER, LABEL_WAITING
from skillbox_core.sandbox.policy import MANAGED_BY
from skillbox_core.sandbox.pruning import prune_environments, removable, stored_environments
from skillbox_core.status import Reason, Status
from skillbox_core.storage.held_folder import abandoned
from skillbox_core.storage.spool import discard, stale_spool
from skillbox_core.storage.tables import ExecutionRow, WaitingRow, aware

logger = logging.getLogger(__name__)

GRACE = 120.0
"""Seconds beyond the last moment at which a run's own worker, or a re-run of it, could still need something."""

EndedOwners: TypeAlias = Callable[[Collection[str]], Mapping[str, Status]]
"""Tells of these owners which are over, and as what their executions end: `cancelled` or `failed`."""


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
    own = [container for container in containers if LABEL_WAITING not in container["Labels"]]
    ahead = [container for container in containers if LABEL_WAITING in container["Labels"]]
    records = installation.executions.find([execution_id_of(container) for container in own])
    # In this order: one that is taken meanwhile has a row, or a record that has taken it.
    waiting = _waiting(installation)
    claimers = installation.executions.claimers([name_of(container) for container in ahead]) if ahead else {}
    running = installation.executions.running(installation.settings.instance)
    owners = {row.owner for row in running if row.owner} | {owner for c in containers if (owner := owner_of(c))}
    over = ended_owners(owners) if ended_owners and owners else {}
    patience = GRACE + parse_duration(installation.settings.collect_ttl)
    wall_clock = time.time()
    found = [o for c in own if (o := judge_container(c, records, over, wall_clock, patience))]
    for c in ahead:
        claimer = claimers.get(name_of(c))
        if claimer is not None:
            orphan = judge_claimed(c, claimer, over, wall_clock, patience)
        else:
            orphan = judge_waiting(c, waiting.get(name_of(c)), wall_clock)
        found += [orphan] if orphan else []
    there = {name_of(c) for c in ahead}
    gone = [row for name, row in waiting.items() if name not in there]
    found += [o for row in gone if (o := judge_waiting_record(row, wall_clock))]
    going = {orphan.name for orphan in found}
    held = {execution_id_of(c) for c in own if name_of(c) not in going}
    held |= {row.id for name, row in claimers.items() if name not in going}
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


def _waiting(installation: Installation) -> dict[str, WaitingRow]:
    rows = installation.waiting.listed(installation.settings.instance, installation.engine.name)
    return {row.name: row for row in rows}


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
    holders = {row.id: holder_of(row) for row in rows}
    orphans = [Orphan("record", row.id, row.id, why, status, holder=holders[row.id]) for row in rows]
    orphans += [
        Orphan("container", name_of(c), execution_id_of(c), why, holder=holders.get(execution_id_of(c)))
        for c in _containers(installation, {LABEL_OWNER: owner})
    ]
    # Labels of a container that was made ahead don't say whose it has become.
    orphans += [Orphan("container", row.claimed, row.id, why, holder=holders[row.id]) for row in rows if row.claimed]
    return carry_out(installation, orphans)


def _carry_out(installation: Installation, orphan: Orphan) -> Orphan | None:
    """What became of an orphan; None where somebody has taken it over."""
    try:
        # Read anew for each: the engine can take minutes over the ones before.
        row = installation.executions.find([orphan.execution_id]).get(orphan.execution_id) if orphan.holder else None
        if row is not None and row.status == Status.RUNNING and holder_of(row) != orphan.holder:
            return None
        if orphan.kind == "container":
            installation.engine.remove(orphan.name)
        elif orphan.kind == "waiting":
            if not installation.give_up_waiting(orphan.name):
                return None
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
        elif row is not None and (closed := installation.executions.find([row.id]).get(row.id)) and closed.claimed:
            # One that was taken between the plan and this: its job may be handed over in this moment.
            installation.engine.remove(closed.claimed)
    except (SkillboxError, OSError) as error:
        logger.warning("could not clean up the %s %s: %s", orphan.what, orphan.name, error)
        return replace(orphan, error=str(error))
    return replace(orphan, done=True)


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
