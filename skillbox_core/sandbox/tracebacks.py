"""A traceback's lines, kept together: what the other stream says meanwhile comes before it.

Python writes a traceback line by line, and the two streams of a container travel apart. So a line that was printed
long before can arrive in the middle of one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

from skillbox_core.sandbox.logs import Line

WINDOW = 0.25
"""Seconds for which a traceback's lines are held while the other stream goes on."""
MAX_LINES = 1_000
MAX_CHARACTERS = 256 * 1024

HEADER = re.compile(r"(?: *\+ Exception Group )?Traceback \(most recent call last\):\Z")
"""The line with which a traceback begins, that of a group of errors too."""
_BETWEEN = re.compile(r"During handling of the above exception|The above exception was the direct cause")


class Tracebacks:
    """Passes lines on in their order, a traceback's as one block.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: list[Line] = []
        self._size = 0
        self._since = 0.0
        self._complete = False

    def put(self, line: Line) -> Iterator[Line]:
        """The lines that can be passed on now that this one has come."""
        if self._held and line.stream != self._held[0].stream:
            if self._clock() - self._since > WINDOW:
                yield from self.flush()
            yield line
            return
        if HEADER.match(line.text):
            if not self._held:
                self._since = self._clock()
            self._complete = False
        elif not self._held:
            yield line
            return
        elif line.text and not line.text[0].isspace() and not _BETWEEN.match(line.text):
            if self._complete:
                # Its error stands there already, so this is something else.
                yield from self.flush()
                yield line
                return
            self._complete = True
        self._held.append(line)
        self._size += len(line.text)
        if len(self._held) >= MAX_LINES or self._size >= MAX_CHARACTERS:
            yield from self.flush()

    def flush(self) -> list[Line]:
        """What is held, whether or not it is a whole traceback."""
        held, self._held, self._size, self._complete = self._held, [], 0, False
        return held
