"""One task run of a batch: the inputs of a chunk, each an execution of its own, as many at once as may go.

There are no tasks for the steps here. They are the core's, retried where infrastructure failed, in the one lifecycle.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from prefect import get_run_logger
from prefect.context import TaskRunContext

from prefect_skillbox.config.installation import installation_for, installation_settings
from prefect_skillbox.config.secrets import Secrets
from prefect_skillbox.execution import cancellation, frames
from prefect_skillbox.execution.execute import owned, revealing
from prefect_skillbox.execution.owner import Owner, current_owner
from prefect_skillbox.execution.run_slot import Place
from prefect_skillbox.execution.watched_steps import WatchedSteps
from prefect_skillbox.observe.chunk_progress import ChunkProgress
from prefect_skillbox.observe.marked_log import RunLogger, SaidOnce
from prefect_skillbox.observe.run_observer import InputWatch
from skillbox_core.base.cancel import CancelToken
from skillbox_core.errors import InvalidRequestError, KeyUsedError, RunCancelledError, SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.models import RunOptions, RunRequest, RunResult, unopened
from skillbox_core.run.lifecycle import run_lifecycle
from skillbox_core.run.steps import Steps
from skillbox_core.status import Status

T = TypeVar("T")

logger = logging.getLogger(__name__)

SLICE = 0.25
"""Seconds at most that the inputs are waited for without looking up."""


@dataclass(frozen=True)
class Chunk:
    """What one task run of a batch is for.

    Attributes:
        skill, tenant: What runs, and whose.
        first: Index of its first input in the batch.
        count: Of its inputs.
        ask: Gives what is asked for with the n-th of them, from 0: with placeholders where its environment has secrets.
            It may raise a `SkillboxError`.
        secrets: Puts their values in, when a container is made.
        installation: Name of the block with the installation's settings; None for this process's own.
    """

    skill: str
    tenant: str
    first: int
    count: int
    ask: Callable[[int], tuple[RunRequest, RunOptions]]
    secrets: Secrets
    installation: str | None


class Answer(NamedTuple):
    """What became of one input.

    Attributes:
        error: Why it could not be asked whether it can be run; it can be asked again. None where it was.
    """

    result: RunResult
    error: Exception | None = None


def execute_chunk(chunk: Chunk, conclude: Callable[[list[Answer]], T]) -> T:
    """Runs the inputs of a chunk in this process, as part of the Prefect task run around it.

    Args:
        conclude: Makes of the answers, which are in the order of the inputs, what the task run gives or raises. Called
            when all inputs have ended.

    Raises:
        RunCancelledError: The flow run, or one of the inputs, was cancelled. What goes on then is ended.
        SettingsError: A setting is wrong.
    """
    owner = current_owner()
    parts = installation_for(installation_settings(chunk.installation))
    progress = ChunkProgress(chunk.skill, chunk.tenant, chunk.count)
    with cancellation.token(owner.flow_run_id if owner else None) as token, frames.of_inputs() as of_input:
        run = _Run(chunk, parts, owner, token, progress, of_input)
        threads = min(chunk.count, parts.settings.max_concurrent_execs)
        answers = side_by_side(run.answer, chunk.count, threads, token)
        progress.close()
        if cancelled := [answer.result for answer in answers if answer.result.status is Status.CANCELLED]:
            raise RunCancelledError(f"{len(cancelled)} of {chunk.count} inputs were cancelled: {cancelled[0].error}")
        return conclude(answers)


def side_by_side(one: Callable[[int], T], count: int, threads: int, cancel: CancelToken) -> list[T]:
    """What a function gives for each number below `count`, called in threads with a copy each of this context.

    What interrupts the waiting, or an error, trips the token, and is raised when those that were called have returned.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="skillbox-input") as pool:
        futures = [pool.submit(copy_context().run, one, number) for number in range(count)]
        try:
            going_on = set(futures)
            while going_on:
                # In slices, between which a time limit of the task run can be raised here.
                ended, going_on = wait(going_on, timeout=SLICE, return_when=FIRST_EXCEPTION)
                for future in ended:
                    future.result()
            return [future.result() for future in futures]
        except BaseException:
            cancel.cancel()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Run:
    """The try of a task run, and what its inputs share."""

    def __init__(
        self,
        chunk: Chunk,
        parts: Installation,
        owner: Owner | None,
        cancel: CancelToken,
        progress: ChunkProgress,
        of_input: Callable[[int], AbstractContextManager[None]],
    ) -> None:
        context = TaskRunContext.get()
        assert context is not None
        self._chunk = chunk
        self._parts = parts
        self._owner = owner
        self._cancel = cancel
        self._progress = progress
        self._of_input = of_input
        self._task_run = context.task_run
        self._waits: RunLogger = SaidOnce(get_run_logger())

    def answer(self, number: int) -> Answer:
        """Runs one input. What is wrong with it, and what becomes of it, is its own."""
        answer = self._answer(number)
        self._progress.ended(answer.result)
        if answer.result.status is Status.CANCELLED:
            # An execution is cancelled for its flow run, which may have been told in another process.
            self._cancel.cancel()
        return answer

    def _answer(self, number: int) -> Answer:
        chunk = self._chunk
        try:
            if self._cancel.cancelled:
                raise RunCancelledError("cancelled before it began")
            with self._of_input(number):
                return Answer(self._execute(number, *chunk.ask(number)))
        except SkillboxError as error:
            held = isinstance(error, (InvalidRequestError, RunCancelledError))
            return Answer(unopened(error, chunk.skill, chunk.tenant), None if held else error)
        except Exception as error:
            # Of the caller's own, such as an iterator of batches that is a file of this input.
            logger.exception("input %d of a batch of %s could not be read", chunk.first + number, chunk.skill)
            told = InvalidRequestError(f"{type(error).__name__}: {error}")
            return Answer(unopened(told, chunk.skill, chunk.tenant), error)

    def _execute(self, number: int, request: RunRequest, options: RunOptions) -> RunResult:
        """One input's execution: that of the first try of the task run that has not failed, or of this one."""
        chunk, index = self._chunk, self._chunk.first + number
        unlearned = bool(chunk.secrets.refs)
        watch = InputWatch(index, chunk.skill, chunk.tenant, request.env.values(), unlearned=unlearned)
        with frames.of_this_try(self._parts, options.files, self._cancel) as files:
            options = options.model_copy(update={"files": files})
            for of_try in range(1, self._task_run.run_count):
                # Of one that was not begun then this is the execution.
                with suppress(KeyUsedError):
                    result, had_ended = self._run(watch, request, options, f"{of_try}/{index}")
                    if result.ok or not had_ended:
                        break
            else:
                result, _ = self._run(watch, request, options, f"{self._task_run.run_count}/{index}")
        watch.report(result, self._parts)
        return result

    def _run(self, watch: InputWatch, request: RunRequest, options: RunOptions, key: str) -> tuple[RunResult, bool]:
        """An execution's result, and whether it had ended before."""
        options = owned(options, self._chunk.secrets, self._owner, f"{self._task_run.id}/{key}")
        place = Place(self._parts, self._cancel, options.owner, self._waits)
        inner = Steps(self._parts, watch.on_log, self._cancel, watch.preparing, place.give_back)
        steps = WatchedSteps(inner, watch, revealing(self._chunk.secrets, watch), place)
        return run_lifecycle(steps, request, options), steps.had_ended
