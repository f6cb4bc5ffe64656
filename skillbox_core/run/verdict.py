"""What the end of a run means: its status, its reason and the sentence for the reader. Pure."""

from __future__ import annotations

from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import RunCancelledError, SkillboxError
from skillbox_core.models import Artifacts, Ending, LoadedSkill, Outcome, Output, Verdict
from skillbox_core.sandbox.policy import PIDS
from skillbox_core.status import Reason, Status


def interrupted(cause: BaseException, outcome: Outcome) -> Verdict:
    """The verdict on a run whose own thread was told to stop."""
    return Verdict(
        Status.CANCELLED, error=f"cancelled ({type(cause).__name__})", logs=outcome.logs, usage=outcome.usage
    )


def failure(error: SkillboxError, outcome: Outcome, output: Output) -> Verdict:
    """The verdict on a run that one of our own errors ended."""
    cancelled = isinstance(error, RunCancelledError)
    return Verdict(
        Status.CANCELLED if cancelled else Status.FAILED,
        None if cancelled else error.reason,
        str(error),
        output=output.document,
        logs=outcome.logs,
        skipped=output.skipped,
        usage=outcome.usage,
    )


def judge(outcome: Outcome, output: Output, artifacts: Artifacts, skill: LoadedSkill) -> Verdict:
    """The verdict on a run whose steps all went through: what the skill did, and why it failed if it did."""
    status, reason, error = _ending(outcome, output, skill)
    return Verdict(
        status,
        reason,
        error,
        output=output.document,
        logs=outcome.logs + _notes(output),
        artifacts=artifacts,
        skipped=output.skipped,
        usage=outcome.usage,
    )


def _ending(outcome: Outcome, output: Output, skill: LoadedSkill) -> tuple[Status, Reason | None, str | None]:
    code = outcome.usage.exit_code
    if outcome.ending is Ending.CANCELLED:
        return Status.CANCELLED, None, "cancelled by the caller"
    if outcome.ending is Ending.DEADLINE:
        return (
            Status.TIMEOUT,
            None,
            f"the skill was still running at its deadline, {skill.timeout:g} s after its start",
        )
    if outcome.oom and (outcome.ending is Ending.LOST or code != 0):
        peak = outcome.usage.peak_memory
        used = f"; its peak was {format_bytes(peak)}" if peak else ""
        return (
            Status.FAILED,
            Reason.OOM,
            f"the skill ran out of memory, its limit is {format_bytes(skill.memory)}{used} (resources.memory)",
        )
    if outcome.ending is Ending.LOST:
        return Status.FAILED, Reason.INFRASTRUCTURE, f"the sandbox was lost: {outcome.detail}"
    if code != 0 and outcome.scratch_full:
        return (
            Status.FAILED,
            Reason.DISK,
            f"the skill filled its scratch area of {format_bytes(skill.scratch)} (resources.scratch)",
        )
    if code != 0 and outcome.pids_full:
        return (
            Status.FAILED,
            Reason.PIDS,
            f"the skill ran into the limit of {PIDS} processes and threads; it ended with exit code {code}",
        )
    if code != 0:
        return Status.FAILED, Reason.EXIT, f"the skill ended with exit code {code}"
    if output.document is None or output.problem is not None:
        return Status.FAILED, Reason.OUTPUT, output.problem
    return Status.SUCCESS, None, None


def _notes(output: Output) -> str:
    return "".join(f"[skillbox: not collected: {path}: {why}]\n" for path, why in output.skipped)
