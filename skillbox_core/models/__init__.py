"""Values that pass between callers, steps and storage: small, immutable, picklable, free of live clients."""

from skillbox_core.models.request import (
    DEFAULT_TENANT,
    Artifacts,
    FileDigest,
    InputFile,
    RunOptions,
    RunRequest,
    RunResult,
    Source,
    Usage,
)
from skillbox_core.models.steps import (
    Ending,
    Execution,
    LoadedSkill,
    Outcome,
    Output,
    PlannedFile,
    Sandbox,
    StagedFile,
    Verdict,
)

__all__ = [
    "DEFAULT_TENANT",
    "Artifacts",
    "Ending",
    "Execution",
    "FileDigest",
    "InputFile",
    "LoadedSkill",
    "Outcome",
    "Output",
    "PlannedFile",
    "RunOptions",
    "RunRequest",
    "RunResult",
    "Sandbox",
    "Source",
    "StagedFile",
    "Usage",
    "Verdict",
]
