"""THE lifecycle: the order of a run's steps, what always happens at the end, and which error means what.

Written once, over a protocol of steps. The core drives it with the steps themselves (`Runner.run`); a
scheduler drives the same function with its own wrapping of them.
"""

from __future__ import annotations

import logging
from typing import Protocol

from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import RunCancelledError, SkillboxError
from skillbox_core.models import (
    Artifacts,
    Ending,
    Execution,
    LoadedSkill,
    Outcome,
    Output,
    RunOptions,
    RunRequest,
    RunResult,
    Sandbox,
    Verdict,
)
from skillbox_core.sandbox.policy import PIDS
from skillbox_core.status import Reason, Status

logger = logging.getLogger(__name__)


class Steps(Protocol):
    """The steps of a run. Each can be repeated; each takes and gives small values without live clients."""

    def create_record(self, request: RunRequest, options: RunOptions) -> Execution: ...

    def load_skill(self, execution: Execution, options: RunOptions) -> LoadedSkill: ...

    def admit(self, execution: Execution) -> None:
        """Waits for a place to run in. Not a step: it has no time limit, and nothing of it can be repeated."""
        ...

    def create_container(
        self, execution: Execution, skill: LoadedSkill, request: RunRequest, options: RunOptions
    ) -> Sandbox: ...

    def wait(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Outcome: ...

    def collect_output(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Output: ...

    def upload_artifacts(self, execution: Execution, output: Output) -> Artifacts: ...

    def cleanup(self, execution: Execution, verdict: Verdict) -> RunResult: ...


def run_lifecycle(steps: Steps, request: RunRequest, options: RunOptions) -> RunResult:
    """Runs a skill from its record to its result.

    Returns:
        How the execution ended. A key whose execution is finished gives that result, without a container.

    Raises:
        SkillboxError: Before the record exists. Afterwards errors end the record and are in the result.
        BaseException: An interruption (KeyboardInterrupt, a scheduler's own signals) passes on after the
            container is gone and the record closed as `cancelled`, or, if that failed, after a warning about it.
    """
    execution = steps.create_record(request, options)
    if execution.result is not None:
        return execution.result
    outcome, output, artifacts = Outcome(Ending.LOST), Output(), Artifacts()
    try:
        skill = steps.load_skill(execution, options)
        steps.admit(execution)
        sandbox = steps.create_container(execution, skill, request, options)
        outcome = steps.wait(execution, skill, sandbox)
        if outcome.collectable:
            output = steps.collect_output(execution, skill, sandbox)
            artifacts = steps.upload_artifacts(execution, output)
        verdict = judge(outcome, output, artifacts, skill)
    except SkillboxError as error:
        verdict = failure(error, outcome, output)
    except Exception as error:
        logger.exception("internal error in execution %s", execution.id)
        message = f"internal error, {type(error).__name__}: {error}"
        verdict = Verdict(Status.FAILED, Reason.INFRASTRUCTURE, message, logs=outcome.logs, usage=outcome.usage)
    except BaseException as interruption:
        try:
            steps.cleanup(execution, interrupted(interruption, outcome))
        except Exception as error:
            # Whoever interrupted waits for the interruption; the reconciler closes the record.
            logger.warning("execution %s was interrupted, and its end can't be recorded: %s", execution.id, error)
        raise
    return steps.cleanup(execution, verdict)


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
