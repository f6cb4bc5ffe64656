"""A skill's lines in Prefect's log: each at once while they are few, several in one record when they are many.

A record costs the worker about half a millisecond, however short it is, and the server a row. So a skill that
prints thousands of lines a second is shipped in records of many lines, every half second, and up to a limit.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator
from contextvars import copy_context

from skillbox_core.base.quantities import format_bytes
from skillbox_core.base.text import harmless
from skillbox_core.sandbox.logs import Stream

LEVELS: dict[Stream, int] = {"stdout": logging.INFO, "stderr": logging.WARNING}

BURST = 100
RATE = 20.0
"""Lines that go at once, each in a record of its own: so many to begin with, and so many more each second."""
WINDOW = 0.5
"""Seconds for which lines are gathered when there are more."""
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
    """

    def __init__(self, logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._gathered: list[Line] = []
        self._size = 0
        self._shipped = 0
        self._held = 0
        self._allowance, self._refilled = float(BURST), time.monotonic()
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
        """Ships a line, now or soon."""
        with self._lock:
            if self._repeated[stream]:
                self._repeated[stream] -= 1
                return
            self._seen[stream] += 1
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
            elif not self._gathered and self._may_go_at_once():
                self._ship(stream, line)
            else:
                self._gather(stream, line)

    def close(self) -> None:
        """Ships what still waits."""
        with self._lock:
            self._flush()

    def _may_go_at_once(self) -> bool:
        now = time.monotonic()
        self._allowance = min(self._allowance + (now - self._refilled) * RATE, BURST)
        self._refilled = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _gather(self, stream: Stream, line: str) -> None:
        self._gathered.append((stream, line))
        self._size += len(line) + 1
        if self._size > GATHERED:
            self._flush()
        elif self._timer is None:
            self._timer = threading.Timer(WINDOW, copy_context().run, (self.close,))
            self._timer.daemon = True
            self._timer.start()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._gathered, self._size = self._gathered, [], 0
        for stream, text in records(lines):
            self._ship(stream, text)

    def _ship(self, stream: Stream, text: str) -> None:
        self._logger.log(LEVELS[stream], "%s", harmless(text))


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
