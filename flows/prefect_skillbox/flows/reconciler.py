"""The scheduled reconciler: what killed workers left behind is found, shown, and taken away."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State, StateType
from prefect.tasks import exponential_backoff

from prefect_skillbox.config.installation import installation_settings
from prefect_skillbox.execution.step_tasks import is_retryable
from prefect_skillbox.flows.run_names import titled
from prefect_skillbox.observe import events
from prefect_skillbox.observe.reporting import report_orphans
from skillbox_core.installation import Installation
from skillbox_core.operations.orphan_rules import Orphan
from skillbox_core.operations.orphans import carry_out, find_orphans
from skillbox_core.status import Status

SETTLED = timedelta(seconds=60)
"""A flow run that ended less than this ago may still be cleaning up after itself."""
_PAGE = 200

_ENDED = {StateType.CANCELLED: Status.CANCELLED, StateType.CRASHED: Status.FAILED}
"""Other final states say nothing: a flow run is `Completed` before the last of its threads is done."""

_step = task(
    retries=3,
    retry_delay_seconds=exponential_backoff(1),
    retry_jitter_factor=0.5,
    retry_condition_fn=is_retryable,
    cache_policy=NO_CACHE,
    persist_result=False,
)


@flow(name="cleanup-orphans", flow_run_name=titled("cleanup-orphans"), persist_result=False)
def cleanup_orphans(dry_run: bool = False, installation: str | None = None) -> list[dict[str, Any]]:
    """Removes containers and closes records that nobody looks after any more, and containers that waited in vain.

    Args:
        dry_run: Only say what would be done.
        installation: Name of a `SkillboxInstallation` block, instead of the worker's own settings.

    Returns:
        Each orphan as JSON values.

    Raises:
        SkillboxError: The engine or the database can't be asked; nothing was touched.
        RuntimeError: Some orphans could not be cleaned up; the artifact says which, and why.
    """
    found = plan(installation)
    done = found if dry_run or not found else clean(found, installation)
    report_orphans(done, dry_run=dry_run)
    logger = get_run_logger()
    failed = [orphan for orphan in done if orphan.error]
    in_vain = sum(orphan.kind == "waiting" for orphan in done)
    waited = f", {in_vain} of them containers that waited for a job in vain" if in_vain else ""
    logger.info("%d orphans%s%s", len(done), waited, " (dry run)" if dry_run else f", {len(failed)} still there")
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(done)} orphans could not be cleaned up: {failed[0].error}")
    return [orphan.document() for orphan in done]


@_step
def plan(installation: str | None) -> list[Orphan]:
    """What would be cleaned up."""
    parts = Installation.from_settings(installation_settings(installation))
    return find_orphans(parts, lambda owners: dict(ended_flow_runs(owners)))


@_step
def clean(found: Sequence[Orphan], installation: str | None) -> list[Orphan]:
    """Carries out a plan, and tells of each execution's container that it removed; one that waited had none."""
    parts = Installation.from_settings(installation_settings(installation))
    done = carry_out(parts, found)
    removed = [orphan for orphan in done if orphan.kind == "container" and orphan.done]
    rows = parts.executions.find([orphan.execution_id for orphan in removed]) if removed else {}
    for orphan in removed:
        events.emit_orphan_removed(orphan, rows.get(orphan.execution_id))
    return done


def ended_flow_runs(owners: Collection[str]) -> Iterator[tuple[str, Status]]:
    """Which of these flow runs were cancelled or lost, and as what their executions end."""
    ids = [run_id for owner in sorted(owners) if (run_id := _uuid(owner))]
    with get_client(sync_client=True) as client:
        for start in range(0, len(ids), _PAGE):
            some = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + _PAGE]))
            for run in client.read_flow_runs(flow_run_filter=some, limit=_PAGE):
                if status := ends_as(run.state, datetime.now(UTC)):
                    yield str(run.id), status


def ends_as(state: State[Any] | None, now: datetime) -> Status | None:
    """What becomes of the executions of a flow run in this state; None where they may still be at work. Pure."""
    if state is None or now - state.timestamp < SETTLED:
        return None
    return _ENDED.get(state.type)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
