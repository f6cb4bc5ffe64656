"""Skills in Prefect: `skill("name@1.2.0")` gives a task, `run_skill` and `cleanup_orphans` are flows for deployments.

The installation's `.env` is put into the environment first, so that Prefect sees the same server.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from skillbox_core.settings import load_env_file

if TYPE_CHECKING:
    from flows.compose import skill
    from flows.hooks import stop_skills
    from flows.reconciler import cleanup_orphans
    from flows.run_skill import run_skill
    from skillbox_core.inputs import files_from

load_env_file()
if "prefect" in sys.modules:
    # It read its settings when it was imported, before ours were there.
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()

_HOMES = {
    "cleanup_orphans": "flows.reconciler",
    "files_from": "skillbox_core.inputs",
    "run_skill": "flows.run_skill",
    "skill": "flows.compose",
    "stop_skills": "flows.hooks",
}

__all__ = ["cleanup_orphans", "files_from", "run_skill", "skill", "stop_skills"]


def __getattr__(name: str) -> Any:
    # Importing the submodule `flows.run_skill` would otherwise leave the module where the flow is meant.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
