"""The inputs of a batch are read and submitted, as its task runs come to their ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextvars import copy_context
from functools import partial
from typing import Any

from prefect.context import FlowRunContext
from prefect.exceptions import CancelledRun, MissingContextError
from prefect.futures import PrefectFuture
from prefect.task_runners import PrefectTaskRunner, ThreadPoolTaskRunner

from prefect_skillbox.config.installation import installation_settings
from prefect_skillbox.execution import cancellation
from prefect_skillbox.execution.owner import current_owner
from prefect_skillbox.observe.batch_table import BatchTable
from prefect_skillbox.tasks.batch import Batch, TaskRun
from prefect_skillbox.tasks.batch_inputs import Part, parts
from prefect_skillbox.tasks.batch_task import BatchTask
from skillbox_core.errors import InvalidRequestError

logger = logging.getLogger(__name__)

ELSEWHERE = 16
"""Task runs that are submitted at once where they may run in other processes, whose number is not known."""


def ahead(size: int, places: int, *, here: bool) -> int:
    """How many task runs are submitted at once: those that fill the places, and one that goes on when one ends. Pure.

    Args:
        size: Inputs of each.
        places: Executions that a process may have at once.
        here: They run in threads of this process.
    """
    return (-(-places // size) + 1) if here else max(-(-places // size) + 1, ELSEWHERE)


def begin(task: BatchTask, inputs: Any, files: Any, size: int, wait_for: Any) -> Batch:
    """The future of a batch whose inputs are read from now on.

    Args:
        inputs, files, size: See `prefect_skillbox.tasks.batch_inputs.parts`.
        wait_for: Futures, for each task run.

    Raises:
        RuntimeError: There is no flow around it.
        InvalidRequestError: The flow's task runner leaves its tasks to task workers.
    """
    if (context := FlowRunContext.get()) is None:
        raise MissingContextError("a batch is run by the task runner of a flow, and there is no flow around it")
    if isinstance(context.task_runner, PrefectTaskRunner):
        # It would wait for one that serves this very batch.
        raise InvalidRequestError(
            "a batch can't be run by PrefectTaskRunner: no task worker serves a batch",
            hint="serve the skill and .map it, or give the flow another task runner",
        )
    batch = Batch()
    reading = _Reading(batch, task, parts(inputs, files, size), size, wait_for)
    # Daemon, since a generator may never give another input, and the end of the process must not wait for that.
    threading.Thread(target=copy_context().run, args=(reading.run,), name="skillbox-batch", daemon=True).start()
    return batch


class _Reading:
    """Submits the parts of a batch. None is read before it can soon be run."""

    def __init__(self, batch: Batch, task: BatchTask, given: Iterator[Part], size: int, wait_for: Any) -> None:
        self._batch = batch
        self._task = task
        self._given = given
        self._size = size
        self._wait_for = wait_for
        self._submitted = 0
        self._table = BatchTable.begin(task.name)

    def run(self) -> None:
        """Reads to the end, unless the flow run is stopped; tells the batch what kept it from that."""
        broke_off: BaseException | None = None
        try:
            self._read()
        except BaseException as error:
            # Nobody hears of it in this thread; who waits for the batch does. A flow that ends without waiting ends its
            # task runner, too, and is told here only.
            broke_off = error
            level = logging.INFO if isinstance(error, CancelledRun) else logging.WARNING
            told = "a batch of %s was read and run up to its input %d only: %s"
            logger.log(level, told, self._task.name, self._submitted, error)
        try:
            self._batch.all_read(broke_off)
        finally:
            if self._table is not None:
                self._table.complete()

    def _read(self) -> None:
        context, owner = FlowRunContext.get(), current_owner()
        assert context is not None
        here = isinstance(context.task_runner, ThreadPoolTaskRunner)
        most = ahead(self._size, installation_settings(self._task.spec.installation).max_concurrent_execs, here=here)
        while True:
            self._batch.wait_for_room(most)
            if cancellation.is_stopped(owner):
                raise CancelledRun("cancelled before all inputs were read")
            if (part := next(self._given, None)) is None:
                return
            task = self._task.at(part.first, len(part.inputs))
            future = task.submit(part.inputs, part.files, part.first, wait_for=self._wait_for)
            run = TaskRun(part.first, len(part.inputs), future)
            self._batch.submitted(run)
            self._submitted += run.count
            try:
                if self._table is not None:
                    self._table.expect(run.count)
                future.add_done_callback(partial(self._ended, run))
            except BaseException:
                # Nobody tells when it has ended; whoever asks for its results waits for it.
                self._batch.ended()
                raise

    def _ended(self, run: TaskRun, future: PrefectFuture[Any]) -> None:
        try:
            if self._table is not None:
                self._table.add(run.first, run.count, future)
        finally:
            self._batch.ended()
