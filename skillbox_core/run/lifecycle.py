"""THE lifecycle: the order of a run's steps, and what always happens at the end; `verdict` says what an end means.

Written once, over a protocol of steps. The core drives it with the steps themselves (`Runner.run`); a
scheduler drives the same function with its own wrapping of them.
"""

from __future__ import annotations

import logging
from typing import Protocol

from skillbox_core.errors import SkillboxError
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
    addressed,
)
from skillbox_core.run.verdict import failure, internal, interrupted, judge

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
    request, options = addressed(request, options)
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
        verdict = internal(error, outcome)
    except BaseException as interruption:
        try:
            steps.cleanup(execution, interrupted(interruption, outcome))
        except Exception as error:
            # Whoever interrupted waits for the interruption; the reconciler closes the record.
            logger.warning("execution %s was interrupted, and its end can't be recorded: %s", execution.id, error)
        raise
    return steps.cleanup(execution, verdict)
