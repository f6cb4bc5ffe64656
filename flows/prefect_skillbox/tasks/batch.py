"""The future of a batch: what has become of its task runs, and of each of its inputs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError as NeverRunError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.exceptions import CancelledRun
from prefect.futures import PrefectFuture
from prefect.states import Cancelled, Completed, Failed, Running

from prefect_skillbox.tasks.batch_inputs import FutureOfMany
from skillbox_core.models import BatchFailedError, ExecutionError, RunResult

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskRun:
    """A task run of a batch.

    Attributes:
        first: Index of its first input.
        count: Of its inputs.
    """

    first: int
    count: int
    future: PrefectFuture[Any]

    @property
    def id(self) -> UUID:
        """Its own."""
        return self.future.task_run_id

    def outcomes(self) -> list[RunResult | BaseException]:
        """What became of each of its inputs: a result, or what there is to raise. It has ended."""
        try:
            self.future.wait()
            state = self.future.state
            if state.is_cancelled():
                return [CancelledRun(state.message or "cancelled")] * self.count
            found = state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
        except NeverRunError:
            return [CancelledRun("its flow run ended before its task run began")] * self.count
        except Exception as error:
            found = error
        if isinstance(found, BatchFailedError):
            return [result if result.ok else ExecutionError.of(result) for result in found.results]
        return list(found) if isinstance(found, list) else [_raisable(found)] * self.count


def _raisable(found: Any) -> BaseException:
    return found if isinstance(found, BaseException) else TypeError(f"a task run of a batch gave {found!r:.100}")


class Batch(FutureOfMany):
    """The future of a batch. What Prefect's futures can do it can, and as an input or as files it is its results.

    Whoever waits for it waits for all of its inputs: an error is raised when they have all ended.
    """

    def __init__(self) -> None:
        self._final_state: State[Any] | None = None
        self._changed = threading.Condition()
        self._runs: list[TaskRun] = []
        self._first: UUID | None = None
        self._going_on = 0
        self._all_read = False
        self._broke_off: BaseException | None = None
        self._outcomes: list[RunResult | BaseException] | None = None
        self._callbacks: list[Callable[[PrefectFuture[Any]], None]] = []

    def submitted(self, run: TaskRun) -> None:
        """One more of its task runs was submitted."""
        with self._changed:
            self._runs.append(run)
            self._going_on += 1
            self._first = self._first or run.id
            self._changed.notify_all()

    def ended(self) -> None:
        """One of them has ended."""
        with self._changed:
            self._going_on -= 1
        self._tell()

    def all_read(self, broke_off: BaseException | None) -> None:
        """None will be submitted any more.

        Args:
            broke_off: Why not all inputs were read; None where they were.
        """
        with self._changed:
            self._all_read, self._broke_off = True, broke_off
        self._tell()

    def wait_for_room(self, most: int) -> None:
        """Waits until fewer of its task runs go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._going_on < most)

    def wait(self, timeout: float | None = None) -> None:
        """Waits until all inputs have ended.

        Args:
            timeout: Seconds, at most.
        """
        with self._changed:
            self._changed.wait_for(self._is_over, timeout)
            last = self._runs[-1:] if self._is_over() else []
        for run in last:
            # A flow run that is to be suspended is so where it waits for Prefect's own futures. What became of this one
            # is for `result`.
            with suppress(Exception):
                run.future.wait(0)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[Any]:
        """The results, in the order of the inputs, when all have ended.

        Args:
            timeout: Seconds to wait for them.
            raise_on_failure: Raise an error where inputs failed, as the skill says by its own `raise_on_failure`;
                otherwise the error of such an input stands in its place.

        Raises:
            BatchFailedError: Inputs failed. It carries the results of all.
            CancelledRun: Task runs were cancelled.
            TimeoutError: Not all had ended by then.
            Exception: What reading the inputs raised, or a task run that ran none of them.
        """
        self.wait(timeout)
        with self._changed:
            if not self._is_over():
                raise TimeoutError(f"the inputs of the batch had not all ended within {timeout} seconds")
        outcomes = self._collected()
        if stopped := next((outcome for outcome in outcomes if isinstance(outcome, CancelledRun)), None):
            raise stopped
        if self._broke_off is not None:
            raise self._broke_off
        if raise_on_failure:
            _raise_failure(outcomes)
        return list(outcomes)

    def _collected(self) -> list[RunResult | BaseException]:
        """What became of each input, when all have ended."""
        with self._changed:
            if self._outcomes is None:
                self._outcomes = [outcome for run in self._runs for outcome in run.outcomes()]
                # The results are held here from now on, and no longer by the futures of all the task runs.
                self._runs = self._runs[-1:]
            return self._outcomes

    def __reduce__(self) -> tuple[Any, ...]:
        """Where it goes to another process, as what a run on Dask depends on, it goes when all inputs have ended."""
        self.wait()
        return _over, (self._collected(), self._broke_off, self._first)

    @property
    def state(self) -> State[Any]:
        """Prefect's word for it: *Running*, and when all inputs have ended *Completed*, *Failed* or *Cancelled*."""
        if self._final_state is None:
            with self._changed:
                if not self._is_over():
                    return Running()
            self._final_state = self._end()
        return self._final_state

    def _end(self) -> State[Any]:
        try:
            return Completed(data=self.result())
        except CancelledRun as error:
            return Cancelled(message=str(error))
        except Exception as error:
            return Failed(data=error, message=str(error))

    @property
    def task_run_id(self) -> UUID:
        """The first of its task runs, from which Prefect draws the arrow to what depends on the batch.

        Raises:
            AttributeError: There was no input, so there is none; Prefect then draws none.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._first is not None or self._all_read)
            if self._first is None:
                raise AttributeError("a batch without inputs has no task run")
            return self._first

    def add_done_callback(self, fn: Callable[[PrefectFuture[Any]], None]) -> None:
        """Has a function called with this future when all inputs have ended; at once where they have."""
        with self._changed:
            if not self._is_over():
                self._callbacks.append(fn)
                return
        self._call(fn)

    def _is_over(self) -> bool:
        return self._all_read and not self._going_on

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
            callbacks = self._callbacks if self._is_over() else []
            self._callbacks = [] if callbacks else self._callbacks
        for callback in callbacks:
            self._call(callback)

    def _call(self, callback: Callable[[PrefectFuture[Any]], None]) -> None:
        try:
            callback(self)
        except Exception:
            # It is not this batch that went wrong, and there are others to be called.
            logger.exception("what was to be called at the end of a batch broke off")


def _over(outcomes: list[RunResult | BaseException], broke_off: BaseException | None, first: UUID | None) -> Batch:
    """A batch of which this is known, in another process."""
    batch = Batch()
    batch._outcomes, batch._broke_off, batch._first, batch._all_read = outcomes, broke_off, first, True
    return batch


def _raise_failure(outcomes: Sequence[RunResult | BaseException]) -> None:
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for error in failed:
        if not isinstance(error, ExecutionError):
            raise error
    if failed:
        carried = [outcome.result if isinstance(outcome, ExecutionError) else outcome for outcome in outcomes]
        raise BatchFailedError.of([result for result in carried if isinstance(result, RunResult)])
