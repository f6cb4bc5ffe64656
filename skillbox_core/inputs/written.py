"""The tables of one call as files: written once, so that each try of the call gives the skill the same."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from skillbox_core.base.cancel import CancelToken
from skillbox_core.errors import DiskError, InvalidRequestError, RunCancelledError
from skillbox_core.inputs.frames import Sink, is_read_once, write_frame
from skillbox_core.inputs.sources import over_limit
from skillbox_core.models import Frame, FrameFile, InputFile

_lock = threading.Lock()
_read: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
"""Iterators that calls have read, by identity."""
_broke_off: dict[int, Any] = {}
"""Those that can't be referred to weakly, as a `map`, and were not read to their end: what is left is no table.

Read to its end, such an iterator gives no batch again, which is an error as well.
"""
_being_read: dict[int, Any] = {}


def has_frames(files: Sequence[InputFile]) -> bool:
    """Whether there is a table among files that is still to be written."""
    return any(isinstance(file.frame, Frame) for file in files)


def write_frames(
    files: Sequence[InputFile], folder: Path, limit: int, cancel: CancelToken | None = None
) -> tuple[InputFile, ...]:
    """Files with each table among them written.

    Args:
        folder: Where; nobody else writes there.
        limit: Bytes, of all tables together.

    Raises:
        InvalidRequestError: A table can't be written in the format that its name asks for, they are too large, or an
            iterator was read by another call.
        DiskError: There is no room for them.
        RunCancelledError: The token was tripped meanwhile.
    """
    left = limit

    def check(size: int) -> None:
        nonlocal left
        left -= size
        if left < 0:
            raise over_limit(limit)
        if cancel and cancel.cancelled:
            raise RunCancelledError("cancelled by the caller before the skill was started")

    written = []
    for number, file in enumerate(files):
        if isinstance(file.frame, Frame):
            path = folder / str(number)
            with _reading(file.frame.rows, file.name), _new(path) as out:
                sink = Sink(out, check)
                write_frame(file.frame.rows, file.name, sink)
            file = replace(file, frame=FrameFile(str(path), sink.size, sink.sha256))
        written.append(file)
    return tuple(written)


def _new(path: Path) -> IO[bytes]:
    try:
        return path.open("xb", buffering=0)
    except OSError as error:
        raise DiskError(f"a table can't be written into the spool: {error.strerror}") from None


@contextmanager
def _reading(rows: Any, name: str) -> Iterator[None]:
    """Keeps two readers from an iterator: each would get a part of its rows, or none, and take that for all."""
    if not is_read_once(rows):
        yield
        return
    with _lock:
        # Let go outside of the lock: what an iterator leaves behind may write tables itself.
        gone = [_broke_off.pop(key) for key in _forgotten()]
        if any(held.get(id(rows)) is rows for held in (_being_read, _read, _broke_off)):
            raise InvalidRequestError(
                f"the iterator behind the table {name!a} was read before, and gives its rows once",
                hint="give each call an iterator of its own, or a list",
            )
        _being_read[id(rows)] = rows
        with suppress(TypeError):
            _read[id(rows)] = rows
    del gone
    try:
        yield
    except BaseException:
        with _lock:
            if id(rows) not in _read:
                _broke_off[id(rows)] = rows
        raise
    finally:
        with _lock:
            del _being_read[id(rows)]


def _forgotten() -> list[int]:
    """Which iterators that broke off nobody else has any more: they, and what they hold, must not stay for ever."""
    # One reference is the dict's, the other the argument's.
    return [key for key in _broke_off if sys.getrefcount(_broke_off[key]) <= 2]
