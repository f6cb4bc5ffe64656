"""Values that pass between callers, steps and storage: small, immutable, picklable, free of live clients."""

from skillbox_core.models.batch import BatchFailedError, unopened
from skillbox_core.models.call import Call
from skillbox_core.models.declared_file import DeclaredFile
from skillbox_core.models.diagnosis import Diagnosis
from skillbox_core.models.environment import Interpreter, Tree
from skillbox_core.models.request import (
    Frame,
    FrameFile,
    InputFile,
    RunOptions,
    RunRequest,
    Source,
    addressed,
    referenced,
)
from skillbox_core.models.result import (
    Artifacts,
    ExecutionCancelledError,
    ExecutionError,
    ExecutionFailedError,
    ExecutionTimeoutError,
    FileDigest,
    LeftOut,
    RunResult,
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
    "Artifacts",
    "BatchFailedError",
    "Call",
    "DeclaredFile",
    "Diagnosis",
    "Ending",
    "Execution",
    "ExecutionCancelledError",
    "ExecutionError",
    "ExecutionFailedError",
    "ExecutionTimeoutError",
    "FileDigest",
    "Frame",
    "FrameFile",
    "InputFile",
    "Interpreter",
    "LeftOut",
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
    "Tree",
    "Usage",
    "Verdict",
    "addressed",
    "referenced",
    "unopened",
]
