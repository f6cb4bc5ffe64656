"""The lifecycle's steps with what belongs to a run in Prefect: who is told of it, its slot, its secrets.

Nothing about the order of the steps is here; `skillbox_core.run.lifecycle.run_lifecycle` drives these as it
drives the core's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from prefect_skillbox.execution.run_slot import Place
from prefect_skillbox.observe.run_observer import Watch
from skillbox_core.base.patience import more_time
from skillbox_core.base.retry import repeated
from skillbox_core.models import (
    Artifacts,
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
from skillbox_core.run.lifecycle import Steps
from skillbox_core.status import Status

T = TypeVar("T")

STEP_TIMEOUT = 900.0
"""Seconds for a step: a backstop behind the limits that the core keeps on everything it waits for."""
PREPARE_TIMEOUT = 3600.0
"""Seconds for loading a skill whose packages have to be made ready: each part of that has a limit of its own."""
RETRIES = {
    "create-record": 3,
    "load-skill": 3,
    "create-container": 3,
    "wait": 5,
    "collect-output": 3,
    "upload-artifacts": 4,
    "cleanup": 5,
}
"""How often each step is tried again where infrastructure failed."""


def _patience(skill: LoadedSkill) -> float:
    """Seconds for a step through which a scratch area may pass, full of files."""
    return STEP_TIMEOUT + more_time(skill.scratch)


class WatchedSteps:
    """Steps of a run that is told of and has a slot (`skillbox_core.run.lifecycle.Steps`), each retried here.

    Args:
        inner: The core's steps, which do the work.
        watch: Is told of what happens.
        reveal: Puts the values of secrets into a request, at the last moment.
        place: The run's slot of the engine's limit, held from before its container is made until it is gone: whoever
            removes it gives it back.

    Attributes:
        had_ended: The execution that was found had ended before; nothing was run.
    """

    def __init__(self, inner: Steps, watch: Watch, reveal: Callable[[RunRequest], RunRequest], place: Place) -> None:
        self._inner = inner
        self._watch = watch
        self._reveal = reveal
        self._place = place
        self.had_ended = False

    def _run(self, step: str, call: Callable[[], T], *, timeout: float = STEP_TIMEOUT) -> T:  # noqa: ARG002
        """Does a step, and does it again where infrastructure failed.

        Args:
            step: Its name in `RETRIES`.
            timeout: Seconds for it, for who can interrupt it.
        """
        return repeated(call, RETRIES[step] + 1)

    def create_record(self, request: RunRequest, options: RunOptions) -> Execution:
        """See `skillbox_core.run.lifecycle.Steps`; so for each below."""
        execution = self._run("create-record", partial(self._inner.create_record, request, options))
        self.had_ended = execution.result is not None
        self._watch.opened(execution)
        return execution

    def load_skill(self, execution: Execution, options: RunOptions) -> LoadedSkill:
        # Of a first run on an engine: its packages are fetched, compiled and laid on the image.
        call = partial(self._inner.load_skill, execution, options)
        return self._run("load-skill", call, timeout=PREPARE_TIMEOUT)

    def admit(self, execution: Execution) -> None:
        # Nothing that is retried: who waits here is in a queue.
        self._inner.admit(execution)
        self._place.take()

    def create_container(
        self, execution: Execution, skill: LoadedSkill, request: RunRequest, options: RunOptions
    ) -> Sandbox:
        def create() -> Sandbox:
            return self._inner.create_container(execution, skill, self._reveal(request), options)

        sandbox = self._run("create-container", create, timeout=_patience(skill))
        self._watch.started(execution, skill)
        return sandbox

    def wait(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Outcome:
        def follow() -> Outcome:
            self._watch.followed()
            return self._inner.wait(execution, skill, sandbox)

        return self._run("wait", follow, timeout=skill.timeout + STEP_TIMEOUT)

    def collect_output(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Output:
        collect = partial(self._inner.collect_output, execution, skill, sandbox)
        output = self._run("collect-output", collect, timeout=_patience(skill))
        self._watch.collected(output)
        return output

    def upload_artifacts(self, execution: Execution, output: Output) -> Artifacts:
        if output.spool is None:
            # Nothing to store; a task run for it would cost Prefect and its server three events.
            return self._inner.upload_artifacts(execution, output)
        size = sum(file.size for file in output.files)
        upload = partial(self._inner.upload_artifacts, execution, output)
        return self._run("upload-artifacts", upload, timeout=STEP_TIMEOUT + more_time(size))

    def cleanup(self, execution: Execution, verdict: Verdict) -> RunResult:
        call = partial(self._inner.cleanup, execution, verdict)
        try:
            # Prefect may be on its way out already when a run is cancelled; it would not start another task run.
            result = repeated(call) if verdict.status is Status.CANCELLED else self._run("cleanup", call)
        except BaseException:
            # Its end can't be recorded, and nobody here tries again. Else whoever removes the container does this.
            self._place.give_back()
            raise
        self._watch.ended(result)
        return result
