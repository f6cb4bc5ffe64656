"""What a sandbox says, as its lines come: each passed on once, kept up to a limit, and its supervisor's last words."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from skillbox_core.base.redaction import Redactor
from skillbox_core.sandbox.logs import Announcement, CappedLog, Line, LineReader, OnLog

_LOOKED_THROUGH = 100
"""Lines at the beginning of a log among which the supervisor's first word is, if the log has its beginning."""
BEGINNING_LOST = "[skillbox: the beginning of the log is lost, the engine keeps its last megabyte]"
"""The first line of such a log as it is kept."""
_TAKEN_UP = "[skillbox: the connection was lost; from the engine's log, lines may be missing before this or come twice]"
OUTGROWN = (
    "[skillbox: from the engine's log, which keeps its last megabyte: from here on lines may be missing or come twice]"
)
"""Stands in a log that was read while it outgrew that: whoever is slower than the skill misses whole files of it."""
_ENGINE_KEEPS = 1_000_000
_ENGINE_ADDS = 28
"""Bytes in the engine's file beside a line's own: source, time, lengths."""

logger = logging.getLogger(__name__)


class Journal:
    """The lines of one sandbox, from one stream or, after it broke, from another.

    Args:
        token: The word that the supervisor's announcements carry.
        max_log: Bytes that are kept.
        on_log: Told of each line, once; one that fails is told no more, and the run goes on.

    Attributes:
        ended: How the skill ended, as stderr has it.
        refused: Why it was not begun.
    """

    def __init__(self, token: str, max_log: int, redactor: Redactor, on_log: OnLog | None) -> None:
        self.token, self._max_log, self._redactor, self._on_log = token, max_log, redactor, on_log
        self._told: Counter[str] = Counter()
        self._known: Counter[str] = Counter()
        self.ended: Announcement | None = None
        self.refused: Announcement | None = None
        self._drained = False
        self._reader, self._log = LineReader(token, redactor), CappedLog(max_log)
        self._before: CappedLog | None = None
        self._held: list[Line | Announcement] | None = None
        self._room: int | None = None

    @property
    def complete(self) -> bool:
        """Whether no more is to come: both streams are at their end, or there never was a skill."""
        return self.refused is not None or (self.ended is not None and self._drained)

    def restart(self) -> None:
        """The engine's log is read from its beginning: what was passed on already is not passed on twice.

        That holds while the log begins with the supervisor's first word. The engine drops the beginning of a log of
        more than a megabyte; then nothing tells what was passed on, and lines are rather repeated than left out.
        """
        if self._told:
            self._before = self._before if self._held is not None else self._log
        self._reader, self._log = LineReader(self.token, self._redactor), CappedLog(self._max_log)
        self._known, self._drained, self._held = self._told.copy(), False, []
        self._room = _ENGINE_KEEPS

    def feed(self, data: bytes) -> None:
        """Takes bytes as the engine sends them, frames and all."""
        self._take(self._reader.feed(data))

    def settle(self) -> None:
        """Decides, now that nothing more came at once, whether the log that is read again has its beginning."""
        if self._held:
            self._resume(self._held)

    def finish(self) -> None:
        """Takes unfinished lines as they are: there is no more to come."""
        self._take(self._reader.finish())
        self.settle()

    def text(self) -> str:
        """The log as it is kept."""
        return self._log.text()

    def _take(self, items: Iterable[Line | Announcement]) -> None:
        for item in items:
            if self._held is None:
                self._put(item)
                continue
            # The streams travel apart: a skill's first lines can be before the word that announces them.
            self._held.append(item)
            if _is_beginning(item) or len(self._held) >= _LOOKED_THROUGH:
                self._resume(self._held)

    def _resume(self, held: list[Line | Announcement]) -> None:
        self._held = None
        if not any(_is_beginning(item) for item in held):
            # From here on lines are counted anew, since that is where the log now begins.
            self._told, self._known = Counter(), Counter()
            self._log, mark = (self._before, _TAKEN_UP) if self._before else (self._log, BEGINNING_LOST)
            self._log.add(mark)
        for item in held:
            self._put(item)

    def _put(self, item: Line | Announcement) -> None:
        if isinstance(item, Announcement):
            self.ended = item if item.word == "ended" else self.ended
            self._drained = self._drained or item.word == "drained"
            self.refused = item if item.word == "refused" else self.refused
            return
        self._watch_room(item)
        self._log.add(item.text)
        if self._known[item.stream] > 0:
            self._known[item.stream] -= 1
            return
        self._told[item.stream] += 1
        if self._on_log:
            self._tell(self._on_log, item)

    def _watch_room(self, line: Line) -> None:
        """Says so once in a log that is read from the engine, and is longer than the engine keeps."""
        if self._room is None:
            return
        self._room -= len(line.text.encode("utf-8", errors="replace")) + _ENGINE_ADDS
        if self._room < 0:
            self._room = None
            self._log.add(OUTGROWN)

    def _tell(self, on_log: OnLog, line: Line) -> None:
        try:
            on_log(line.stream, line.text)
        except TimeoutError:
            # An alarm that the caller has set may go off in here, and is meant for the run. What Prefect raises so is
            # no Exception.
            raise
        except Exception as error:
            self._on_log = None
            logger.warning(
                "the log is shown no further, because whoever shows it failed: %s: %s", type(error).__name__, error
            )


def _is_beginning(item: Line | Announcement) -> bool:
    return isinstance(item, Announcement) and item.word in ("started", "refused")
