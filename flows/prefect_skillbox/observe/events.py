"""Events: what happens to executions, for automations to react to. Best effort: none delays or fails a run.

`skillbox.execution.started`, then one of `succeeded`, `failed`, `oom`, `timed-out`, `cancelled`; and
`orphan-removed` when the reconciler took a container away. The resource is `skillbox.execution.<id>`; related are
the flow run, the task run, the deployment and their tags, as of Prefect's own events. Payloads hold small facts,
never an input, an environment or an output.
"""

from __future__ import annotations

import logging
from typing import Any

from prefect.events import Event, RelatedResource, Resource

from prefect_skillbox.observe import event_batch
from prefect_skillbox.observe.event_batch import Around
from skillbox_core.models import Diagnosis, Execution, LoadedSkill, RunResult
from skillbox_core.operations.orphan_rules import Orphan
from skillbox_core.status import Reason, Status
from skillbox_core.storage.tables import ExecutionRow

logger = logging.getLogger(__name__)

PREFIX = "skillbox.execution."

_ENDINGS = {
    Status.SUCCESS: "succeeded",
    Status.FAILED: "failed",
    Status.TIMEOUT: "timed-out",
    Status.CANCELLED: "cancelled",
}
MAX_ERROR = 500


def ending(result: RunResult) -> str:
    """The last part of the event's name for how an execution ended."""
    return "oom" if result.reason is Reason.OOM else _ENDINGS[result.status]


def emit_started(execution: Execution, skill: LoadedSkill) -> None:
    """The skill of an execution started. Said again when another worker takes over."""
    payload = {
        "attempt": execution.attempt,
        "digest": skill.digest,
        "image": skill.image,
        "timeout_seconds": skill.timeout,
        "memory_bytes": skill.memory,
    }
    _emit("started", execution.id, execution.tenant, execution.skill, execution.version, payload)


def emit_ended(result: RunResult) -> None:
    """An execution ended and its record is closed."""
    payload = {
        "status": result.status.value,
        "reason": result.reason.value if result.reason else None,
        "error": result.error[:MAX_ERROR] if result.error else None,
        "diagnosis": _diagnosis(result.diagnosis),
        "duration_ms": result.duration_ms,
        "exit_code": result.usage.exit_code,
        "peak_memory_bytes": result.usage.peak_memory,
        "memory_limit_bytes": result.usage.memory_limit,
        "cpu_seconds": result.usage.cpu_seconds,
        "files": len(result.files_list),
    }
    how = ending(result)
    _emit(how, result.execution_id, result.tenant, result.skill, result.version, payload, urgent=not result.ok)


def _diagnosis(diagnosis: Diagnosis | None) -> dict[str, str] | None:
    """Without its detail: what a skill printed is its log."""
    if diagnosis is None:
        return None
    return {
        "category": diagnosis.category.value,
        "summary": diagnosis.summary[:MAX_ERROR],
        "resolution": diagnosis.resolution[:MAX_ERROR],
    }


def emit_orphan_removed(orphan: Orphan, row: ExecutionRow | None) -> None:
    """The container of an execution was removed though no worker asked for it.

    Args:
        orphan: What was removed, and why.
        row: The record of its execution, if there is one.
    """
    tenant, skill, version = (row.tenant_id, row.skill_name, row.skill_version) if row else ("unknown",) * 3
    owner = row.owner if row else None
    related = [{"prefect.resource.id": f"prefect.flow-run.{owner}", "prefect.resource.role": "owner"}] if owner else []
    payload = {"container": orphan.name, "why": orphan.why}
    _emit("orphan-removed", orphan.execution_id, tenant, skill, version, payload, related)


def _emit(
    what: str,
    execution_id: str,
    tenant: str,
    skill: str,
    version: str,
    payload: dict[str, Any],
    related: list[dict[str, str]] | None = None,
    *,
    urgent: bool = False,
) -> None:
    try:
        event = Event(
            event=f"{PREFIX}{what}",
            resource=Resource(
                {
                    "prefect.resource.id": f"{PREFIX}{execution_id}",
                    "prefect.resource.name": f"{skill}@{version}",
                    "skillbox.skill": skill,
                    "skillbox.version": version,
                    "skillbox.tenant": tenant,
                }
            ),
            related=[
                RelatedResource(
                    {
                        "prefect.resource.id": f"skillbox.skill.{tenant}.{skill}",
                        "prefect.resource.role": "skill",
                        "prefect.resource.name": skill,
                    }
                ),
                RelatedResource(
                    {"prefect.resource.id": f"skillbox.tenant.{tenant}", "prefect.resource.role": "tenant"}
                ),
                *map(RelatedResource, related or []),
            ],
            payload=payload,
        )
        event_batch.tell(event, Around.here(), urgent=urgent)
    except Exception as error:
        logger.warning("the event %s of execution %s could not be emitted: %s", what, execution_id, error)
