"""Skills in Prefect: `skill("name@1.2.0")` gives a task, `run_skill` and `cleanup_orphans` are flows for deployments.

What runs skills puts the installation's `.env` into the environment first, so that Prefect sees the same server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_skillbox.config.secrets import secret
    from prefect_skillbox.flows.hooks import stop_skills, stop_skills_on
    from prefect_skillbox.flows.reconciler import cleanup_orphans
    from prefect_skillbox.flows.run_skill import run_skill
    from prefect_skillbox.tasks.caching import SKILL_DIGEST
    from prefect_skillbox.tasks.result import aload_result, load_result
    from prefect_skillbox.tasks.skill_task import skill
    from skillbox_core.inputs.sources import files_from
    from skillbox_core.sandbox.removals import wait_for_removals

_HOMES = {
    "SKILL_DIGEST": "prefect_skillbox.tasks.caching",
    "aload_result": "prefect_skillbox.tasks.result",
    "cleanup_orphans": "prefect_skillbox.flows.reconciler",
    "files_from": "skillbox_core.inputs.sources",
    "load_result": "prefect_skillbox.tasks.result",
    "run_skill": "prefect_skillbox.flows.run_skill",
    "secret": "prefect_skillbox.config.secrets",
    "skill": "prefect_skillbox.tasks.skill_task",
    "stop_skills": "prefect_skillbox.flows.hooks",
    "stop_skills_on": "prefect_skillbox.flows.hooks",
    "wait_for_removals": "skillbox_core.sandbox.removals",
}

__all__ = [
    "SKILL_DIGEST",
    "aload_result",
    "cleanup_orphans",
    "files_from",
    "load_result",
    "run_skill",
    "secret",
    "skill",
    "stop_skills",
    "stop_skills_on",
    "wait_for_removals",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
