"""Skills in Prefect: `skill("name@1.2.0")` gives a task, `run_skill` and `cleanup_orphans` are flows for deployments.

What runs skills puts the installation's `.env` into the environment first, so that Prefect sees the same server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.caching import SKILL_DIGEST
    from flows.compose import skill
    from flows.environment import secret
    from flows.hooks import stop_skills, stop_skills_on
    from flows.reconciler import cleanup_orphans
    from flows.run_skill import run_skill
    from skillbox_core.inputs import files_from

_HOMES = {
    "SKILL_DIGEST": "flows.caching",
    "cleanup_orphans": "flows.reconciler",
    "files_from": "skillbox_core.inputs",
    "run_skill": "flows.run_skill",
    "secret": "flows.environment",
    "skill": "flows.compose",
    "stop_skills": "flows.hooks",
    "stop_skills_on": "flows.hooks",
}

__all__ = [
    "SKILL_DIGEST",
    "cleanup_orphans",
    "files_from",
    "run_skill",
    "secret",
    "skill",
    "stop_skills",
    "stop_skills_on",
]


def __getattr__(name: str) -> Any:
    # Importing the submodule `flows.run_skill` would otherwise leave the module where the flow is meant.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
