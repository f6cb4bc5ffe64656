"""What a sandbox says, as its lines come: each passed on once, kept up to a limit, and its supervisor's last words."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable

from skillbox_core.base.redaction import Redactor
from skillbox_core.sandbox.inline import InlineOutput
from skillbox_core.sandbox.logs import ON_STDOUT, Announcement, CappedLog, Line, LineReader, OnLog, State, Stream
from skillbox_core.sandbox.tracebacks import Tracebacks

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
STATE_INTERVAL = 0.5
"""Seconds at least between two states of a line that is overwritten, as they are shown."""
_ENDS = {"ended", "drained"}
"""The supervisor's last words, on stderr and on stdout."""
_LAST_LINES = 40
_LAST_CHARACTERS = 1_000
"""How much of stderr's end is kept for whoever asks why the skill failed: lines, and characters of each."""


class Journal:
    """The lines of one sandbox, from one stream or, after it broke, from another.

    Args:
        token: The word that the supervisor's announcements carry.
        max_log: Bytes that are kept.
        on_log: Told of each line, once, and of all in a frame at once: it must not take its time (`Backlog`).
        clock: Seconds, monotonic.
        waited: The container was made ahead of its job.

    Attributes:
        ended: How the skill ended: the last word on stderr, else the one on stdout.
        started: The skill has begun.
        refused: Why it was not begun.
        handed_over: A part of its output has come, which is sent once it has ended.
    """

    def __init__(
        self,
        token: str,
        max_log: int,
        redactor: Redactor,
        on_log: OnLog | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        waited: bool = False,
    ) -> None:
        self._waited = waited
        self.token, self._max_log, self._redactor, self._on_log = token, max_log, redactor, on_log
        self._clock = clock
        self._states: dict[Stream, str] = {}
        self._shown: dict[Stream, float] = {}
        self._told: Counter[str] = Counter()
        self._known: Counter[str] = Counter()
        self.ended: Announcement | None = None
        self.started = False
        self.refused: Announcement | None = None
        self.handed_over = False
        self._output: InlineOutput | None = InlineOutput()
        self._ends: set[str] = set()
        self._begin()
        self._before: CappedLog | None = None
        self._held: list[Line | Announcement] | None = None
        self._heard = False
        self._room: int | None = None

    def _begin(self) -> None:
        self._reader, self._log = LineReader(self.token, self._redactor, self._waited), CappedLog(self._max_log)
        self._tracebacks = Tracebacks(self._clock)
        self._errors: deque[str] = deque(maxlen=_LAST_LINES)

    @property
    def complete(self) -> bool:
        """Whether no more is to come: both streams are at their end, or there never was a skill."""
        return self.refused is not None or self._ends >= _ENDS

    def restart(self) -> None:
        """The engine's log is read from its beginning: what was passed on already is not passed on twice.

        That holds while the log begins with the supervisor's first word. The engine drops the beginning of a log of
        more than a megabyte; then nothing tells what was passed on, and lines are rather repeated than left out.
        """
        if self._told:
            self._before = self._before if self._held is not None else self._log
        self._begin()
        self._known, self._held, self._heard = self._told.copy(), [], False
        self._ends &= {"ended"}
        # What stands in a log may lack any part of it, and there is the sandbox.
        self._output = None
        self._room = _ENGINE_KEEPS

    def feed(self, data: bytes) -> None:
        """Takes bytes as the engine sends them, frames and all."""
        self._heard = True
        self._take(self._reader.feed(data))

    def settle(self) -> None:
        """Passes on what waited for more, now that nothing more came at once.

        That decides whether a log that is read again has its beginning.
        """
        if self._held:
            self._resume(self._held)
        if self._held is None:
            self._flush()
        self._show_states()

    def finish(self) -> None:
        """Takes unfinished lines as they are: there is no more to come."""
        self._take(self._reader.finish())
        if self._held is not None and self._heard:
            # Even an empty line, which the reader keeps back, is one of a skill.
            self._resume(self._held)
        self.settle()

    def text(self) -> str:
        """The log as it is kept."""
        return self._log.text()

    def output(self) -> bytes | None:
        """The tar of the output, where it came along whole."""
        return self._output.tar() if self._output and self.complete else None

    def stderr(self) -> str:
        """The last lines of stderr."""
        return "\n".join(self._errors)

    def _take(self, items: Iterable[Line | Announcement]) -> None:
        for item in items:
            if self._held is None:
                self._arrange(item)
                continue
            # The streams travel apart: a skill's first lines can be before the word that announces them.
            self._held.append(item)
            if _is_beginning(item) or len(self._held) >= _LOOKED_THROUGH:
                self._resume(self._held)

    def _resume(self, held: list[Line | Announcement]) -> None:
        self._held = None
        if not any(_is_beginning(item) for item in held):
            # A log that has outgrown the engine's file was written by a skill.
            self.started = True
            # From here on lines are counted anew, since that is where the log now begins.
            self._told, self._known = Counter(), Counter()
            self._log, mark = (self._before, _TAKEN_UP) if self._before else (self._log, BEGINNING_LOST)
            self._log.add(mark)
        for item in held:
            self._arrange(item)

    def _arrange(self, item: Line | Announcement) -> None:
        if isinstance(item, Announcement):
            if item.word == "output":
                self.handed_over = True
                if self._output:
                    self._output.add(item.text)
                return
            if item.word == "drained" and self._output:
                self._output.end(item.number("output"))
            # The end of stdout can come in the middle of what stderr says.
            if item.word not in ON_STDOUT:
                self._flush()
            self.started = self.started or item.word == "started"
            if item.word in _ENDS:
                self._ends.add(item.word)
                # A supervisor of an earlier release says no more on stdout than that it is at its end.
                if item.word == "ended" or (self.ended is None and "code" in item.values):
                    self.ended = item
            # Once it has started, only the skill itself could say so, and would then not be to blame.
            self.refused = item if item.word == "refused" and not self.started else self.refused
        elif item.passing:
            self._pass(item)
        else:
            for line in self._tracebacks.put(item):
                self._put(line)

    def _flush(self) -> None:
        for line in self._tracebacks.flush():
            self._put(line)

    def _put(self, line: Line) -> None:
        if self._room is not None:
            self._watch_room(line)
        self._log.add(line.text)
        if line.stream == "stderr":
            self._errors.append(line.text[:_LAST_CHARACTERS])
        if self._states:
            self._states.pop(line.stream, None)
        if self._known[line.stream] > 0:
            self._known[line.stream] -= 1
            return
        self._told[line.stream] += 1
        if self._on_log:
            self._on_log(line.stream, line.text)

    def _pass(self, line: Line) -> None:
        """A state is shown while it lasts, and neither kept nor counted: how many are shown depends on the clock."""
        self._watch_room(line)
        if self._known[line.stream] == 0:
            self._states[line.stream] = line.text
            self._show_states()

    def _show_states(self) -> None:
        now = self._clock()
        due = [one for one in self._states if one not in self._shown or now - self._shown[one] >= STATE_INTERVAL]
        for stream in due:
            self._shown[stream] = now
            text = State(self._states.pop(stream))
            if self._on_log:
                self._on_log(stream, text)

    def _watch_room(self, line: Line) -> None:
        """Says so once in a log that is read from the engine, and is longer than the engine keeps."""
        if self._room is None:
            return
        self._room -= len(line.text.encode("utf-8", errors="replace")) + _ENGINE_ADDS
        if self._room < 0:
            self._room = None
            self._log.add(OUTGROWN)


def _is_beginning(item: Line | Announcement) -> bool:
    return isinstance(item, Announcement) and item.word in ("started", "refused")
