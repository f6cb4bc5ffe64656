"""Values that pass between callers, steps and storage: small, immutable, picklable, free of live clients."""

from skillbox_core.models.calls import DEFAULT_TENANT, RunOptions, RunRequest, RunResult, Usage
from skillbox_core.models.steps import (
    Artifacts,
    Ending,
    Execution,
    LoadedSkill,
    Outcome,
    Output,
    OutputFile,
    Sandbox,
    Verdict,
)

__all__ = [
    "DEFAULT_TENANT",
    "Artifacts",
    "Ending",
    "Execution",
    "LoadedSkill",
    "Outcome",
    "Output",
    "OutputFile",
    "RunOptions",
    "RunRequest",
    "RunResult",
    "Sandbox",
    "Usage",
    "Verdict",
]
