"""Run skills in hardened, single-use containers.

The public names are loaded on first use, so that importing this package costs next to nothing: no
container engine, storage or database library is touched before it is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skillbox_core.base import default_store

if TYPE_CHECKING:
    from skillbox_core.base.cancel import CancelToken
    from skillbox_core.base.quantities import parse_cpu_limit, parse_duration, parse_memory_limit
    from skillbox_core.errors import (
        ImageNotAllowedError,
        RunnerNotImplementedError,
        SkillboxError,
        SkillNotFoundError,
    )
    from skillbox_core.inputs.sources import files_from, input_files
    from skillbox_core.models import (
        BatchFailedError,
        ExecutionCancelledError,
        ExecutionFailedError,
        ExecutionTimeoutError,
        RunOptions,
        RunRequest,
        RunResult,
    )
    from skillbox_core.operations.orphans import cleanup_orphans
    from skillbox_core.results import aload_result, load_result
    from skillbox_core.runner import Runner
    from skillbox_core.sandbox.allowlist import validate_image
    from skillbox_core.sandbox.removals import wait_for_removals
    from skillbox_core.settings import Settings
    from skillbox_core.status import Reason, Status

__version__ = "0.1.0"

_HOMES = {
    "BatchFailedError": "models",
    "CancelToken": "base.cancel",
    "ExecutionCancelledError": "models",
    "ExecutionFailedError": "models",
    "ExecutionTimeoutError": "models",
    "ImageNotAllowedError": "errors",
    "Installation": "installation",
    "Reason": "status",
    "RunOptions": "models",
    "RunRequest": "models",
    "RunResult": "models",
    "Runner": "runner",
    "RunnerNotImplementedError": "errors",
    "Settings": "settings",
    "SkillNotFoundError": "errors",
    "SkillboxError": "errors",
    "Status": "status",
    "aload_result": "results",
    "cleanup_orphans": "operations.orphans",
    "files_from": "inputs.sources",
    "input_files": "inputs.sources",
    "load_result": "results",
    "parse_cpu_limit": "base.quantities",
    "parse_duration": "base.quantities",
    "parse_memory_limit": "base.quantities",
    "validate_image": "sandbox.allowlist",
    "wait_for_removals": "sandbox.removals",
}

__all__ = [
    "BatchFailedError",
    "CancelToken",
    "ExecutionCancelledError",
    "ExecutionFailedError",
    "ExecutionTimeoutError",
    "ImageNotAllowedError",
    "Installation",
    "Reason",
    "RunOptions",
    "RunRequest",
    "RunResult",
    "Runner",
    "RunnerNotImplementedError",
    "Settings",
    "SkillNotFoundError",
    "SkillboxError",
    "Status",
    "aload_result",
    "cleanup_orphans",
    "files_from",
    "input_files",
    "load_result",
    "parse_cpu_limit",
    "parse_duration",
    "parse_memory_limit",
    "validate_image",
    "wait_for_removals",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


default_store.register(lambda: import_module(f"{__name__}.results").stored_files())
