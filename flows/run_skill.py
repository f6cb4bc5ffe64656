"""The thin flow around one skill, for deployments and for running one from the UI."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.compose import skill as skill_task
from flows.hooks import stop_skills
from skillbox_core.models import DEFAULT_TENANT, RunResult


@flow(
    name="run-skill",
    flow_run_name="{skill}",
    persist_result=False,
    on_cancellation=[stop_skills],
    on_crashed=[stop_skills],
)
def run_skill(
    skill: str,
    input: Any = None,
    timeout: str | None = None,
    cpu: str | None = None,
    memory: str | None = None,
    tenant: str = DEFAULT_TENANT,
) -> dict[str, Any]:
    """Runs one skill.

    Args:
        skill: `name` or `name@version`.
        input: Any JSON value.
        timeout: Such as 90s; instead of the skill's own.
        cpu: Cores, such as 0.5.
        memory: Such as 512Mi.
        tenant: Whose skill.

    Returns:
        The RunResult as JSON values.

    Raises:
        ExecutionError: The skill did not succeed.
    """
    result: RunResult = skill_task(skill, tenant=tenant, timeout=timeout, cpu=cpu, memory=memory)(input)
    return result.model_dump(mode="json")
