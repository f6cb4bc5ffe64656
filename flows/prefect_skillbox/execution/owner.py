"""On whose behalf a skill runs: the flow run that a person cancels, or runs again."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext, TaskRunContext

RESUMED = 1000
"""What a run counts beside being resumed after a suspension; a retry resets those."""


class Owner(NamedTuple):
    """A flow run and which try of it this is."""

    flow_run_id: str
    attempt: int


def current_owner() -> Owner | None:
    """The owner of what runs here; None outside any flow run.

    A subflow in the same process has no life of its own: when its parent is run again it gets another id, and
    when its parent's process ends it is over. So its owner is the parent. A flow run of a deployment has a
    process of its own, and is its own owner even where another flow started it.
    """
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        run = context.flow_run
        # Resuming does not count as another run in Prefect. As the run was when this process began: pauses that it
        # only waits for come later, and begin nothing anew.
        resumed = len(run.empirical_policy.pause_keys or ())
        attempt = run.run_count * RESUMED + min(resumed, RESUMED - 1)
        return _owner(run.id, attempt, run.deployment_id, run.parent_task_run_id)
    # Some task runners' processes have the task run only.
    task_context = TaskRunContext.get()
    if task_context is None or task_context.task_run.flow_run_id is None:
        return None
    return _owner_by_id(task_context.task_run.flow_run_id)


def _owner_by_id(flow_run_id: UUID) -> Owner:
    with get_client(sync_client=True) as client:
        run: FlowRun = client.read_flow_run(flow_run_id)
    return _owner(run.id, run.run_count * RESUMED, run.deployment_id, run.parent_task_run_id)


# A process sees few flow runs and may run thousands of skills for each; climbing up asks the server twice a level.
@lru_cache(maxsize=256)
def _owner(flow_run_id: UUID, attempt: int, deployment_id: UUID | None, parent_task_run_id: UUID | None) -> Owner:
    if parent_task_run_id is None or deployment_id is not None:
        return Owner(str(flow_run_id), attempt)
    with get_client(sync_client=True) as client:
        parent = client.read_task_run(parent_task_run_id).flow_run_id
    return _owner_by_id(parent) if parent else Owner(str(flow_run_id), attempt)
