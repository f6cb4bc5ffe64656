"""The lifecycle's steps as Prefect tasks: one task for each, with its retries, time limit and name.

Nothing about the order of the steps is here; `skillbox_core.run.lifecycle.run_lifecycle` drives these as it
drives the core's own.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TagsContext
from prefect.exceptions import Pause
from prefect.tasks import exponential_backoff
from prefect.utilities.annotations import quote

from prefect_skillbox.execution.run_slot import Place
from prefect_skillbox.observe.run_observer import Watch
from prefect_skillbox.observe.step_log import quiet
from skillbox_core.base.patience import more_time
from skillbox_core.base.retry import repeated
from skillbox_core.errors import SkillboxError
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

P = ParamSpec("P")
T = TypeVar("T")

_title: ContextVar[str] = ContextVar("skillbox_step_title", default="skill")
"""How the run is called, of which a step is being run."""

STEP_TIMEOUT = 900.0
"""Seconds for a step: a backstop behind the limits that the core keeps on everything it waits for."""


PREPARE_TIMEOUT = 3600.0
"""Seconds for loading a skill whose packages have to be made ready: each part of that has a limit of its own."""


def _patience(skill: LoadedSkill) -> float:
    """Seconds for a step through which a scratch area may pass, full of files."""
    return STEP_TIMEOUT + more_time(skill.scratch)


def is_retryable(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Infrastructure may be tried again; what a skill did is an answer.

    A plain function, because Prefect takes a callable object here and then never retries.
    """
    try:
        state.result()
    except SkillboxError as error:
        return error.retryable
    except Exception:
        return False
    return False


def _titled(name: str) -> Callable[[], str]:
    """Names the runs of a step, called as each begins: a copy of the task for each costs as much as starting it."""

    def titled() -> str:
        return f"{_title.get()} · {name}"

    return _told(titled)


def _told(function: Callable[P, T]) -> Callable[P, T]:
    """A function that knows its signature: Prefect asks for it several times in each run, and it is long to make."""
    function.__signature__ = signature(function)  # type: ignore[attr-defined]
    return function


def _step(name: str, *, retries: int) -> Task[..., Any]:
    # The call is quoted where it is made: Prefect would otherwise search its every argument for futures.
    @task(
        name=name,
        task_run_name=_titled(name),
        retries=retries,
        retry_delay_seconds=exponential_backoff(1),
        retry_jitter_factor=0.5,
        retry_condition_fn=is_retryable,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    @_told
    def step(call: Callable[[], None]) -> None:
        # What it gives is kept from Prefect, which would take its every field for a result of the step: fields such
        # as a tenant's name are one object wherever they occur, and would draw arrows between unrelated tasks.
        call()

    return step


create_record = _step("create-record", retries=3)
load_skill = _step("load-skill", retries=3)
create_container = _step("create-container", retries=3)
wait = _step("wait", retries=5)
collect_output = _step("collect-output", retries=3)
upload_artifacts = _step("upload-artifacts", retries=4)
cleanup = _step("cleanup", retries=5)


class TaskSteps:
    """Steps that run as Prefect tasks (`skillbox_core.run.lifecycle.Steps`).

    Args:
        inner: The core's steps, which do the work.
        title: How the run is called in the UI until its version is known; the tasks are named after it.
        watch: Is told of what happens.
        reveal: Puts the values of secrets into a request, at the last moment.
        place: The run's slot of the engine's limit, held from before its container is made until it is gone: whoever
            removes it gives it back.
        suffix: Ends the title, where several runs of one skill have to be told apart.
    """

    def __init__(
        self,
        inner: Steps,
        title: str,
        watch: Watch,
        reveal: Callable[[RunRequest], RunRequest],
        place: Place,
        *,
        suffix: str = "",
    ) -> None:
        self._inner = inner
        self._title = f"{title}{suffix}"
        self._suffix = suffix
        self._watch = watch
        self._reveal = reveal
        self._place = place

    def _run(self, step: Task[..., Any], call: Callable[[], T], *, timeout: float = STEP_TIMEOUT) -> T:
        if threading.current_thread() is threading.main_thread() and signal.getitimer(signal.ITIMER_REAL)[0] == 0:
            # Elsewhere Prefect could not interrupt anything, and would warn of it at every step. Where a limit of the
            # caller's own is set already, the alarm of that one would be taken for this one's.
            step = step.with_options(timeout_seconds=timeout)
        done: list[T] = []

        def noted() -> None:
            done.append(call())

        token = _title.set(self._title)
        try:
            # Without the tags around it: a step would wait for a place under the limit that its own skill fills.
            with TagsContext(current_tags=set()), quiet():
                _: Any = step(quote(noted))
        except Pause:
            # A flow run that is to be suspended is so between two skills, not in the middle of one.
            return done[-1] if done else repeated(call)
        finally:
            _title.reset(token)
        return done[-1]

    def create_record(self, request: RunRequest, options: RunOptions) -> Execution:
        """See `skillbox_core.run.lifecycle.Steps`; so for each below."""
        execution = self._run(create_record, partial(self._inner.create_record, request, options))
        self._title = f"{execution.skill}@{execution.version}{self._suffix}"
        self._watch.opened(execution)
        return execution

    def load_skill(self, execution: Execution, options: RunOptions) -> LoadedSkill:
        # Of a first run on an engine: its packages are fetched, compiled and laid on the image.
        call = partial(self._inner.load_skill, execution, options)
        return self._run(load_skill, call, timeout=PREPARE_TIMEOUT)

    def admit(self, execution: Execution) -> None:
        # No task: who waits here is in a queue, and a task run for each would only say so.
        self._inner.admit(execution)
        self._place.take()

    def create_container(
        self, execution: Execution, skill: LoadedSkill, request: RunRequest, options: RunOptions
    ) -> Sandbox:
        def create() -> Sandbox:
            return self._inner.create_container(execution, skill, self._reveal(request), options)

        sandbox = self._run(create_container, create, timeout=_patience(skill))
        self._watch.started(execution, skill)
        return sandbox

    def wait(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Outcome:
        def follow() -> Outcome:
            self._watch.followed()
            return self._inner.wait(execution, skill, sandbox)

        return self._run(wait, follow, timeout=skill.timeout + STEP_TIMEOUT)

    def collect_output(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Output:
        collect = partial(self._inner.collect_output, execution, skill, sandbox)
        output = self._run(collect_output, collect, timeout=_patience(skill))
        self._watch.collected(output)
        return output

    def upload_artifacts(self, execution: Execution, output: Output) -> Artifacts:
        if output.spool is None:
            # No task: a task run costs Prefect and its server three events, here for nothing.
            return self._inner.upload_artifacts(execution, output)
        size = sum(file.size for file in output.files)
        upload = partial(self._inner.upload_artifacts, execution, output)
        return self._run(upload_artifacts, upload, timeout=STEP_TIMEOUT + more_time(size))

    def cleanup(self, execution: Execution, verdict: Verdict) -> RunResult:
        call = partial(self._inner.cleanup, execution, verdict)
        try:
            # Prefect may be on its way out already when a run is cancelled; it would not start another task run.
            result = repeated(call) if verdict.status is Status.CANCELLED else self._run(cleanup, call)
        except BaseException:
            # Its end can't be recorded, and nobody here tries again. Else whoever removes the container does this.
            self._place.give_back()
            raise
        self._watch.ended(result)
        return result
