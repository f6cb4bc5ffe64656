"""From the engine's multiplexed stream to lines, announcements and a capped, readable log.

The stream's frames have a header of eight bytes: stream (1 stdout, 2 stderr), three zero bytes, length
(Docker Engine API, "Stream format"). Everything here is pure: bytes in, values out.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from skillbox_core.base.redaction import Redactor
from skillbox_core.errors import EngineError

Stream: TypeAlias = Literal["stdout", "stderr"]
OnLog: TypeAlias = Callable[[Stream, str], None]
"""Called with the stream and one line without its newline; with a `State` where it is a line that is overwritten."""


class State(str):
    """What a line says that the skill goes on to overwrite, such as a progress bar. The log keeps the last one only."""


MAX_LINE = 16 * 1024
"""A longer line is broken into several, as the engine itself does in its logs."""

MAX_ANNOUNCEMENT = 512
"""Bytes of a line that the supervisor writes."""

ON_STDOUT = frozenset({"printed", "output", "drained"})
"""What the supervisor says on stdout: the skill's part is at its end, a line of output, no more comes. All else it says
on stderr."""

MAX_NUMBER = 2**62
"""A measurement above this was made up; a database's widest integer holds less than 2**63."""

NOBODY = "-"
"""The token of a supervisor that has no job yet."""
_READY = b"\x1eskillbox - ready"
"""All that it says then, with an empty line before it: of no skill's, and no line of one."""
TAKEN = "taken"
"""What it says when the first line of its job has come. As that one it is of no skill's, and no line of one."""

_HEADER = struct.Struct(">BxxxL")
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}
_MARK = b"\x1eskillbox "
_SEVERAL = re.compile(rb"\r{2,}")
"""Carriage returns that mean no more than one. Taken out first, or a flood of them would be looked at from each one."""
_ENDINGS = re.compile(rb"\r?\n|\r(?=[^\n])")
"""What ends a line: a newline, with a carriage return before it or not; or a carriage return that something follows,
which overwrites the line. Of one at the end of what has come so far it is not known yet."""

_BLANK = re.compile(rb"(?:\s|\x1b\[[0-9;?]*[A-Za-z])*")
"""What only wipes a line out: blanks, and codes such as "erase in line" (ECMA-48, CSI)."""


class Demultiplexer:
    """Takes the stream apart, whatever pieces it comes in."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def is_amid(self) -> bool:
        """Whether a part of a frame has come."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Whole frames: stream number and payload.

        Raises:
            EngineError: What came is not such a stream.
        """
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            stream, length = _HEADER.unpack_from(self._buffer)
            if stream > 2 or length > 64 * 1024 * 1024:
                raise EngineError("the engine sent something that is not a container's output")
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield stream, payload


def stdout_of(chunks: Iterable[bytes], errors: bytearray, max_errors: int = 4096) -> Iterator[bytes]:
    """The stdout of a command's stream; the beginning of its stderr is kept in `errors`."""
    frames = Demultiplexer()
    for chunk in chunks:
        for stream, payload in frames.feed(chunk):
            if stream == 1:
                yield payload
            elif len(errors) < max_errors:
                errors += payload[: max_errors - len(errors)]


@dataclass(frozen=True)
class Line:
    """One line a skill printed.

    Attributes:
        passing: It ended in a carriage return, as a progress bar's states do: the rest of its line overwrites it.
    """

    stream: Stream
    text: str
    passing: bool = False


@dataclass(frozen=True)
class Announcement:
    """A word from the supervisor: what happened, and its measurements.

    Attributes:
        text: Of a line of output, that line.
    """

    word: str
    values: dict[str, str]
    text: str = ""

    def number(self, name: str, most: int = MAX_NUMBER) -> int | None:
        """A measurement, None when the sandbox could not read it, or says what can't be."""
        value = self.values.get(name, "")
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None
        return number if number is not None and number <= most else None


@dataclass
class LineReader:
    """Turns frames into lines and announcements.

    Attributes:
        token: The word that this sandbox's announcements carry, which is kept from the skill. One that got hold of it
            could lie about itself and nothing else; data that a skill merely prints can't, by accident.
        redactor: What it replaces is gone before a line is broken into several.
        waited: The container was made ahead of its job, and says so in the first line of all.
        taken: It has said that its job has begun to come.
    """

    token: str
    redactor: Redactor = field(default_factory=Redactor)
    waited: bool = False
    taken: bool = field(default=False, init=False)
    _heard: int = 0
    _of_waiting: int = 0
    _lines: int = 0
    _frames: Demultiplexer = field(default_factory=Demultiplexer)
    _partial: dict[Stream, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})
    _held_blank: set[Stream] = field(default_factory=set)
    _overwritten: dict[Stream, bytes] = field(default_factory=dict)

    @property
    def is_silent(self) -> bool:
        """Whether not a byte has come, but for the words that the container waits, and that its job comes."""
        return self._heard <= self._of_waiting and not self._frames.is_amid

    def feed(self, data: bytes) -> Iterator[Line | Announcement]:
        """Lines as they are complete, and announcements."""
        for number, payload in self._frames.feed(data):
            stream = _STREAMS.get(number, "stdout")
            partial = self._partial[stream]
            partial += payload
            self._heard += len(payload)
            yield from self._split(stream, partial)

    def finish(self) -> Iterator[Line]:
        """Unfinished lines, once the stream has ended."""
        for stream, partial in self._partial.items():
            rest = self._final(stream, bytes(partial).removesuffix(b"\r"))
            # A word of the supervisor's that was cut is no line of the skill's: it may hold a part of its output.
            if rest and not rest.startswith(self._prefix()):
                yield from _broken(stream, self.redactor.data(rest))
            partial.clear()
        self._held_blank.clear()

    def _split(self, stream: Stream, partial: bytearray) -> Iterator[Line | Announcement]:
        start, data = 0, _SEVERAL.sub(b"\r", bytes(partial))
        for ending in _ENDINGS.finditer(data):
            text = data[start : ending.start()]
            start = ending.end()
            if ending[0].endswith(b"\n"):
                yield from self._line(stream, self._final(stream, text))
            elif not _BLANK.fullmatch(text):
                self._overwritten[stream] = text
                for line in _broken(stream, self.redactor.data(text)):
                    yield Line(stream, line.text, passing=True)
        partial[:] = data[start:]
        # Seldom, because all of it is looked through.
        if len(partial) > 2 * MAX_LINE:
            shown, held = self.redactor.divide(bytes(partial))
            while len(shown) > MAX_LINE:
                cut = _character_boundary(shown, MAX_LINE)
                self._overwritten.pop(stream, None)
                yield from self._line(stream, shown[:cut])
                shown = shown[cut:]
            partial[:] = shown + held

    def _final(self, stream: Stream, text: bytes) -> bytes:
        """What is left to be seen of a line: its last state, or the one before where that only wiped it out."""
        before = self._overwritten.pop(stream, None)
        return before if before is not None and _BLANK.fullmatch(text) else text

    def _line(self, stream: Stream, line: bytes) -> Iterator[Line | Announcement]:
        self._lines += 1
        announcement = self._announcement(line)
        if self.waited and stream == "stderr" and self._is_before_the_skill(line, announcement):
            self._held_blank.discard(stream)
            self._of_waiting += len(line) + 2
            return
        if announcement and (announcement.word in ON_STDOUT) == (stream == "stdout"):
            # The supervisor begins with a newline of its own; an empty line just before is that one.
            self._held_blank.discard(stream)
            yield announcement
            return
        if stream in self._held_blank:
            self._held_blank.discard(stream)
            yield Line(stream, "")
        if not line:
            self._held_blank.add(stream)
            return
        yield from _broken(stream, self.redactor.data(line))

    def _is_before_the_skill(self, line: bytes, announcement: Announcement | None) -> bool:
        if announcement and announcement.word == TAKEN:
            self.taken = True
            return True
        return line == _READY and self._lines == 2

    def _prefix(self) -> bytes:
        return _MARK + self.token.encode() + b" "

    def _announcement(self, line: bytes) -> Announcement | None:
        prefix = self._prefix()
        if not line.startswith(prefix) or len(line) > MAX_ANNOUNCEMENT:
            return None
        word, *pairs = decode(line.removeprefix(prefix)).split()[:16] or [""]
        if word == "output":
            return Announcement(word, {}, " ".join(pairs))
        return Announcement(word, dict(pair.split("=", 1) for pair in pairs if "=" in pair))


def _broken(stream: Stream, line: bytes) -> Iterator[Line]:
    """A line in lines that are not too long."""
    while len(line) > MAX_LINE:
        cut = _character_boundary(line, MAX_LINE)
        yield Line(stream, decode(line[:cut]))
        line = line[cut:]
    yield Line(stream, decode(line))


def decode(data: bytes) -> str:
    """Text from any bytes: what is not UTF-8 and NULs, which no database takes, become U+FFFD."""
    return data.decode("utf-8", errors="replace").replace("\0", "\ufffd")


def _character_boundary(data: bytes | bytearray, at: int) -> int:
    """The last place at or before `at` where UTF-8 text may be cut."""
    for back in range(4):
        if at - back <= 0 or data[at - back] & 0xC0 != 0x80:
            return max(at - back, 1)
    return at


class CappedLog:
    """Keeps the beginning and the end of a log, and says how much is missing between them.

    The end is where the traceback is. Memory stays near the limit, however much is printed and in whatever lines.

    Args:
        limit: Bytes of UTF-8 that the whole text may have.
    """

    _MARK_ROOM = 128

    def __init__(self, limit: int) -> None:
        room = max(limit - self._MARK_ROOM, 0)
        self._head_room = room // 2
        self._tail_room = room - self._head_room
        # Millions of empty lines cost a byte each this way, not an object each.
        self._head, self._tail = bytearray(), bytearray()
        self._missing = 0
        self._in_head = True

    def add(self, line: str) -> None:
        """Appends one line."""
        data = line.encode("utf-8", errors="replace") + b"\n"
        if self._in_head and len(self._head) + len(data) <= self._head_room:
            self._head += data
            return
        self._in_head = False
        self._tail += data
        # Seldom, because everything behind the cut is moved.
        if len(self._tail) > 2 * self._tail_room:
            self._cut()

    def text(self) -> str:
        """The log, with a mark where something is missing."""
        self._cut()
        mark = f"[skillbox: {self._missing} bytes of log are missing here]\n".encode() if self._missing else b""
        return (self._head + mark + self._tail).decode("utf-8", errors="replace")

    def _cut(self) -> None:
        excess = len(self._tail) - self._tail_room
        if excess > 0:
            at = _next_boundary(self._tail, excess)
            self._missing += at
            del self._tail[:at]


def _next_boundary(data: bytearray, at: int) -> int:
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at += 1
    return at
