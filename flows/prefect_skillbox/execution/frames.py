"""The tables of one task run as files: written once for its cache key and all of its tries.

A key is computed before the task runs, and a task that failed runs again with the arguments that it had. An iterator
among them gives its rows once, and a query may give its rows in another order. So what was written stands for the
table until the task run is over.

Prefect says nobody when that is. It computes the key and runs the tries in one context (`prefect.task_engine`,
`run_task_sync`, read in 3.8.8 and 3.9.1), which ends with the task run where it was submitted. The folder goes with the
context, with the next task run in it, and with the process.

A task run of a batch has many inputs, each with tables of its own: those are kept by the input's index (`of_inputs`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from prefect.context import TaskRunContext

from skillbox_core.base.cancel import CancelToken
from skillbox_core.errors import RunCancelledError
from skillbox_core.inputs.written import has_frames
from skillbox_core.installation import Installation
from skillbox_core.models import InputFile
from skillbox_core.storage.held_folder import HeldFolder


@dataclass(frozen=True)
class _Written:
    task_run: UUID
    names: tuple[str, ...]
    files: tuple[InputFile, ...]
    folder: HeldFolder


class _Kept:
    """What was written for one call, or for one input of a batch."""

    def __init__(self) -> None:
        self.written: _Written | None = None


class _Inputs(NamedTuple):
    """What was written for the inputs of one task run of a batch, by their index."""

    task_run: UUID
    kept: dict[int, _Kept]


_written: ContextVar[_Written | None] = ContextVar("skillbox_written_frames", default=None)
_inputs: ContextVar[_Inputs | None] = ContextVar("skillbox_written_frames_of_inputs", default=None)
_input: ContextVar[_Kept | None] = ContextVar("skillbox_written_frames_of_input", default=None)


@contextmanager
def of_inputs() -> Iterator[Callable[[int], AbstractContextManager[None]]]:
    """The tables of a try of a batch's task run; gives, for an input's index, the context for all that is done for it.

    What was written stays for the next try where this one ends in an error and there is a next one.
    """
    context = TaskRunContext.get()
    assert context is not None
    run, held = context.task_run.id, _inputs.get()
    if held is None or held.task_run != run:
        held = _Inputs(run, {})
        _inputs.set(held)
    kept = held.kept

    @contextmanager
    def of_input(index: int) -> Iterator[None]:
        token = _input.set(kept.setdefault(index, _Kept()))
        try:
            yield
        finally:
            _input.reset(token)

    again = False
    try:
        yield of_input
    except RunCancelledError:
        raise
    except Exception:
        again = _has_another_try(context)
        raise
    finally:
        if not again:
            for index in kept:
                with of_input(index):
                    forget()
            _inputs.set(None)


def _has_another_try(context: TaskRunContext) -> bool:
    return context.task_run.run_count <= context.task.retries


def _get() -> _Written | None:
    one = _input.get()
    return _written.get() if one is None else one.written


def _set(written: _Written | None) -> None:
    if (one := _input.get()) is None:
        _written.set(written)
    else:
        one.written = written


def of_task_run(
    parts: Installation, files: tuple[InputFile, ...], cancel: CancelToken | None = None
) -> tuple[InputFile, ...]:
    """Files with each table among them written, now or for this task run before.

    Raises:
        SkillboxError: See `skillbox_core.inputs.written.write_frames`.
    """
    context = TaskRunContext.get()
    if context is None or not has_frames(files):
        return files
    names = tuple(file.name for file in files)
    held = _get()
    if held is not None and (held.task_run, held.names) == (context.task_run.id, names):
        return held.files
    forget()
    written, folder = parts.write_frames(files, cancel)
    _set(_Written(context.task_run.id, names, written, folder))
    return written


@contextmanager
def of_this_try(
    parts: Installation, files: tuple[InputFile, ...], cancel: CancelToken
) -> Iterator[tuple[InputFile, ...]]:
    """The same for one try; what was written is gone afterwards unless the task run has another try."""
    context = TaskRunContext.get()
    more = context is not None and _has_another_try(context)
    try:
        with parts.written(of_task_run(parts, files, cancel), cancel) as written:
            yield written
    except Exception:
        if not more:
            forget()
        raise
    except BaseException:
        forget()
        raise
    if not more:
        forget()


def forget() -> None:
    """Removes what was written for the last task run of this context, or for the input that it is of."""
    if (held := _get()) is not None:
        _set(None)
        held.folder.close()
