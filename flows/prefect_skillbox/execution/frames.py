"""The tables of one task run as files: written once for its cache key and all of its tries.

A key is computed before the task runs, and a task that failed runs again with the arguments that it had. An iterator
among them gives its rows once, and a query may give its rows in another order. So what was written stands for the
table until the task run is over.

Prefect says nobody when that is. It computes the key and runs the tries in one context (`prefect.task_engine`,
`run_task_sync`, read in 3.8.8 and 3.9.1), which ends with the task run where it was submitted. The folder goes with the
context, with the next task run in it, and with the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from prefect.context import TaskRunContext

from skillbox_core.base.cancel import CancelToken
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


_written: ContextVar[_Written | None] = ContextVar("skillbox_written_frames", default=None)


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
    held = _written.get()
    if held is not None and (held.task_run, held.names) == (context.task_run.id, names):
        return held.files
    forget()
    written, folder = parts.write_frames(files, cancel)
    _written.set(_Written(context.task_run.id, names, written, folder))
    return written


@contextmanager
def of_this_try(
    parts: Installation, files: tuple[InputFile, ...], cancel: CancelToken
) -> Iterator[tuple[InputFile, ...]]:
    """The same for one try; what was written is gone afterwards unless the task run has another try."""
    context = TaskRunContext.get()
    more = context is not None and context.task_run.run_count <= context.task.retries
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
    """Removes what was written for the last task run of this context."""
    if (held := _written.get()) is not None:
        _written.set(None)
        held.folder.close()
