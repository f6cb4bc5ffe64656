"""Recovery: what a killed worker left behind, found by labels and records, never harming the living.

A container of this installation is removed only if its execution is finished, or its deadline and a grace
are over. A record that still says `running` is closed when its deadline is over and no container of it is
left. Two reconcilers at once are harmless: removing what is gone, and closing what is closed, do nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from skillbox_core.errors import SkillboxError
from skillbox_core.models import Execution, Verdict
from skillbox_core.sandbox.container import LABEL_DEADLINE, LABEL_EXECUTION, LABEL_INSTANCE
from skillbox_core.sandbox.policy import MANAGED_BY
from skillbox_core.status import Reason, Status
from skillbox_core.storage.tables import ExecutionRow, aware, now

if TYPE_CHECKING:
    from skillbox_core.runner import Runner

logger = logging.getLogger(__name__)

GRACE = 120.0
"""Seconds after a deadline within which the run's own worker is still expected to clean up."""
UNLAUNCHED = timedelta(hours=1)
"""A record without a container ever noted is given this long, for queues and slow pulls."""


@dataclass(frozen=True)
class Orphan:
    """One thing to clean up, why, and once it was tried, whether it went."""

    kind: Literal["container", "record"]
    name: str
    execution_id: str
    why: str
    done: bool = False
    error: str | None = None


def cleanup_orphans(runner: Runner, *, dry_run: bool = False) -> list[Orphan]:
    """Removes containers and closes records that nobody looks after any more.

    Args:
        dry_run: Only say what would be done.

    Returns:
        Each orphan with what became of it; one that fails does not stop the others.

    Raises:
        SkillboxError: The engine or the database can't be asked at all.
    """
    labels = {"managed-by": MANAGED_BY, LABEL_INSTANCE: runner.settings.instance}
    containers = runner.engine.containers(labels)
    ids = [str(c["Labels"].get(LABEL_EXECUTION, "")) for c in containers]
    records = runner.executions.find(ids)
    found = [orphan for c in containers if (orphan := judge_container(c, records, time.time()))]
    going = {orphan.name for orphan in found}
    held = {str(c["Labels"].get(LABEL_EXECUTION)) for c in containers if _container_name(c) not in going}
    rows = {row.id: row for row in runner.executions.running(runner.settings.instance)}
    found += [orphan for row in rows.values() if (orphan := judge_record(row, held))]
    if dry_run:
        return found
    return [_carry_out(runner, orphan, rows) for orphan in found]


def judge_container(
    container: Mapping[str, Any], records: Mapping[str, ExecutionRow], wall_clock: float
) -> Orphan | None:
    """Whether a container is an orphan. Pure."""
    labels = container["Labels"]
    execution_id = str(labels.get(LABEL_EXECUTION, ""))
    record = records.get(execution_id)

    def orphan(why: str) -> Orphan:
        return Orphan("container", _container_name(container), execution_id, why)

    if record is not None and record.status != Status.RUNNING:
        return orphan(f"its execution is finished ({record.status})")
    try:
        deadline = float(labels.get(LABEL_DEADLINE, ""))
    except ValueError:
        return orphan("it says no deadline")
    if wall_clock > deadline + GRACE:
        return orphan(f"its deadline is over since {wall_clock - deadline:.0f} s")
    return None


def judge_record(row: ExecutionRow, held: set[str]) -> Orphan | None:
    """Whether a `running` record is an orphan. Pure but for the clock."""
    if row.id in held:
        return None
    if row.deadline_at is None:
        lost = now() - aware(row.created_at) > UNLAUNCHED
        why = "no container was ever made for it"
    else:
        lost = now() - aware(row.deadline_at) > timedelta(seconds=GRACE)
        why = "its deadline is over and its container is gone"
    return Orphan("record", row.id, row.id, why) if lost else None


def _carry_out(runner: Runner, orphan: Orphan, rows: Mapping[str, ExecutionRow]) -> Orphan:
    try:
        if orphan.kind == "container":
            runner.engine.remove(orphan.name)
        else:
            row = rows[orphan.execution_id]
            verdict = Verdict(Status.FAILED, Reason.INFRASTRUCTURE, f"the worker was lost: {orphan.why}")
            execution = Execution(
                row.id, row.tenant_id, row.skill_name, row.skill_version, row.attempt, aware(row.created_at)
            )
            runner.executions.close(execution, verdict)
    except SkillboxError as error:
        logger.warning("could not clean up %s %s: %s", orphan.kind, orphan.name, error)
        return Orphan(orphan.kind, orphan.name, orphan.execution_id, orphan.why, error=str(error))
    return Orphan(orphan.kind, orphan.name, orphan.execution_id, orphan.why, done=True)


def _container_name(container: Mapping[str, Any]) -> str:
    names: Sequence[str] = container.get("Names") or ()
    return names[0].lstrip("/") if names else str(container["Id"])
