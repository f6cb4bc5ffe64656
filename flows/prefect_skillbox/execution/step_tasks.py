"""The lifecycle's steps as Prefect tasks: one task for each, with its retries, time limit and name."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextvars import ContextVar
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
from prefect_skillbox.execution.watched_steps import RETRIES, STEP_TIMEOUT, WatchedSteps
from prefect_skillbox.observe.run_observer import Watch
from prefect_skillbox.observe.step_log import quiet
from skillbox_core.base.retry import repeated
from skillbox_core.errors import SkillboxError
from skillbox_core.models import Execution, RunOptions, RunRequest
from skillbox_core.run.lifecycle import Steps

P = ParamSpec("P")
T = TypeVar("T")

_title: ContextVar[str] = ContextVar("skillbox_step_title", default="skill")
"""How the run is called, of which a step is being run."""


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


def _step(name: str) -> Task[..., Any]:
    # The call is quoted where it is made: Prefect would otherwise search its every argument for futures.
    @task(
        name=name,
        task_run_name=_titled(name),
        retries=RETRIES[name],
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


_STEPS = {name: _step(name) for name in RETRIES}


class TaskSteps(WatchedSteps):
    """Steps that run as Prefect tasks.

    Args:
        inner, watch, reveal, place: See `WatchedSteps`.
        title: How the run is called in the UI until its version is known; the tasks are named after it.
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
        super().__init__(inner, watch, reveal, place)
        self._title = f"{title}{suffix}"
        self._suffix = suffix

    def _run(self, step: str, call: Callable[[], T], *, timeout: float = STEP_TIMEOUT) -> T:
        ran = _STEPS[step]
        if threading.current_thread() is threading.main_thread() and signal.getitimer(signal.ITIMER_REAL)[0] == 0:
            # Elsewhere Prefect could not interrupt anything, and would warn of it at every step. Where a limit of the
            # caller's own is set already, the alarm of that one would be taken for this one's.
            ran = ran.with_options(timeout_seconds=timeout)
        done: list[T] = []

        def noted() -> None:
            done.append(call())

        token = _title.set(self._title)
        try:
            # Without the tags around it: a step would wait for a place under the limit that its own skill fills.
            with TagsContext(current_tags=set()), quiet():
                _: Any = ran(quote(noted))
        except Pause:
            # A flow run that is to be suspended is so between two skills, not in the middle of one.
            return done[-1] if done else repeated(call)
        finally:
            _title.reset(token)
        return done[-1]

    def create_record(self, request: RunRequest, options: RunOptions) -> Execution:
        """See `skillbox_core.run.lifecycle.Steps`."""
        execution = super().create_record(request, options)
        self._title = f"{execution.skill}@{execution.version}{self._suffix}"
        return execution
