"""Lines on their way to whoever is told of them, as many at once as there is time for."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from skillbox_core.sandbox.logs import OnLog, Stream

_LINE = 64
"""What a line counts for beside its characters."""

logger = logging.getLogger(__name__)


class Backlog:
    """Holds lines until they are told, in their order.

    A frame of the engine's stream may hold tens of thousands of lines, and a listener may take its time for each; the
    clock must be looked at in between.

    Args:
        on_log: Told of each line, once; one that fails is told no more, and the run goes on.
        clock: Seconds, monotonic.

    Attributes:
        size: How much is held, in characters, about.
    """

    def __init__(self, on_log: OnLog | None, clock: Callable[[], float]) -> None:
        self._on_log, self._clock = on_log, clock
        self._lines: deque[tuple[Stream, str]] = deque()
        self.size = 0

    def add(self, stream: Stream, text: str) -> None:
        """Holds a line."""
        if self._on_log:
            self._lines.append((stream, text))
            self.size += len(text) + _LINE

    def tell(self, seconds: float) -> None:
        """Tells of lines until none is left or the time is over, of one at least."""
        lines, on_log, clock = self._lines, self._on_log, self._clock
        if not lines or not on_log:
            return
        until = clock() + seconds
        try:
            while lines:
                on_log(*lines.popleft())
                if clock() >= until:
                    break
        except TimeoutError:
            # An alarm that the caller has set may go off in here, and is meant for the run. What Prefect raises so is
            # no Exception.
            raise
        except Exception as error:
            self._forget()
            logger.warning(
                "the log is shown no further, because whoever shows it failed: %s: %s", type(error).__name__, error
            )
        self.size = sum(len(text) + _LINE for _, text in lines)

    def end(self, seconds: float) -> None:
        """Tells of lines for so long, and gives up on the rest: the run is over."""
        self.tell(seconds)
        if self._lines:
            logger.warning(
                "the last %d lines are not shown, because whoever shows them is too slow; the log has them",
                len(self._lines),
            )
            self._forget()

    def _forget(self) -> None:
        self._on_log = None
        self._lines.clear()
        self.size = 0
