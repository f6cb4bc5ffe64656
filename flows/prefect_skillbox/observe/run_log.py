"""A skill's lines in Prefect's log: soon, those that come together in one record, and up to a limit.

A record costs the worker about half a millisecond, however short it is, and the server a row. And a traceback is read
as one thing, not as one for each of its lines. So lines wait until nothing more comes, for half a second at most.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context

from skillbox_core.base.quantities import format_bytes
from skillbox_core.base.text import harmless
from skillbox_core.sandbox.logs import State, Stream
from skillbox_core.sandbox.tracebacks import HEADER

LEVELS: dict[Stream, int] = {"stdout": logging.INFO, "stderr": logging.WARNING}

QUIET = 0.1
"""Seconds without a line after which those that came are shipped."""
WINDOW = 0.5
"""Seconds after which they are shipped though more come."""
RECORD = 20_000
"""Characters in a record. Prefect Cloud cuts what is above 25,000, a server of one's own above 1,000,000."""
GATHERED = 256 * 1024
"""Characters that wait at most; beyond this they are shipped before the window is over."""
TURNS = 20
"""Changes between stdout and stderr within a window, up to which their order is kept."""
LIMIT = 4 * 1024 * 1024
"""Characters that one run may ship."""
REPEATABLE = 512 * 1024
"""Bytes that the engine's own log, of a megabyte, is sure to hold from the first line on."""
ENTRY = 64
"""Bytes at most that the engine adds to a line: its stream, its time, its length twice."""

Line = tuple[Stream, str]


class RunLog:
    """The log of one run.

    Args:
        logger: Where its records go.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger, self._clock = logger, clock
        self._lock = threading.Lock()
        self._gathered: list[Line] = []
        self._size = 0
        self._shipped = 0
        self._held = 0
        self._first = self._last = 0.0
        self._timer: threading.Timer | None = None
        self._seen: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self._repeated: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self.whole = "the execution's record"
        """Where more of the log is to be found, for the reader of one that was cut."""

    def again(self) -> None:
        """The lines come anew from the first one on: those that were shipped already are left out."""
        with self._lock:
            self._repeated = dict(self._seen) if self._held < REPEATABLE else {"stdout": 0, "stderr": 0}

    def write(self, stream: Stream, line: str) -> None:
        """Ships a line soon."""
        with self._lock:
            if self._repeated[stream]:
                self._repeated[stream] -= not isinstance(line, State)
                return
            # How many states of a line come depends on the clock, so they don't count as lines that come again.
            self._seen[stream] += not isinstance(line, State)
            self._held += len(line.encode(errors="replace")) + ENTRY
            if self._shipped > LIMIT:
                return
            self._shipped += len(line) + 1
            if self._shipped > LIMIT:
                self._flush()
                self._logger.warning(
                    "[skillbox: this is more than %s of log, the rest is not shown here; see %s]",
                    format_bytes(LIMIT),
                    self.whole,
                )
            else:
                self._gather(stream, line)

    def close(self) -> None:
        """Ships what still waits."""
        with self._lock:
            self._flush()

    def _gather(self, stream: Stream, line: str) -> None:
        self._last = self._clock()
        self._first = self._first if self._gathered else self._last
        self._gathered.append((stream, line))
        self._size += len(line) + 1
        if self._size > GATHERED:
            self._flush()
        elif self._timer is None:
            self._arm(QUIET)

    def _arm(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, copy_context().run, (self._due,))
        self._timer.daemon = True
        self._timer.start()

    def _due(self) -> None:
        with self._lock:
            self._timer = None
            now = self._clock()
            if now - self._last >= QUIET:
                self._flush()
            elif now - self._first >= WINDOW:
                self._flush(whole(self._gathered))
                self._first = now
            if self._gathered:
                self._arm(max(min(self._last + QUIET, self._first + WINDOW) - now, 0.001))

    def _flush(self, upto: int | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._gathered = self._gathered[:upto], [] if upto is None else self._gathered[upto:]
        self._size = sum(len(line) + 1 for _, line in self._gathered)
        for stream, text in records(lines):
            self._ship(stream, text)

    def _ship(self, stream: Stream, text: str) -> None:
        self._logger.log(LEVELS[stream], "%s", harmless(text))


def whole(lines: list[Line]) -> int:
    """How many lines can be shipped while more come, without cutting the traceback in which they may end."""
    at = len(lines)
    for number in range(len(lines) - 1, -1, -1):
        if lines[number][0] != lines[-1][0]:
            break
        if HEADER.match(lines[number][1]):
            at = number
    # One that does not end is no reason to wait for ever.
    return at or len(lines)


def records(lines: list[Line]) -> Iterator[Line]:
    """Lines joined into few records: in their order, or by stream if the streams take turns all the time."""
    turns = sum(one[0] != other[0] for one, other in itertools.pairwise(lines))
    if turns > TURNS:
        lines = sorted(lines, key=lambda line: line[0])
    joined: list[str] = []
    size, last = 0, lines[0][0] if lines else "stdout"
    for stream, line in lines:
        if joined and (stream != last or size + len(line) > RECORD):
            yield last, "\n".join(joined)
            joined, size = [], 0
        joined.append(line)
        size += len(line) + 1
        last = stream
    if joined:
        yield last, "\n".join(joined)
