"""A tar stream that a stranger may have had a hand in, read entry by entry under limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from skillbox_core.errors import EngineError, OutputError

BLOCK = 512
MAX_HEADER = 64 * 1024


@dataclass(frozen=True)
class TarEntry:
    """A header of a tar stream."""

    path: bytes
    size: int
    kind: bytes


class TarReader:
    """Reads a tar stream entry by entry (POSIX ustar, GNU long names, pax paths), under a cap.

    Args:
        chunks: The stream.
        limit: Bytes after which it is refused; a sparse file that claims a terabyte ends here.
    """

    def __init__(self, chunks: Iterable[bytes], limit: int) -> None:
        self._chunks = iter(chunks)
        self._chunk = b""
        self._at = 0
        """How much of the chunk was taken."""
        self._left = limit

    def __iter__(self) -> Iterator[TarEntry]:
        long_path = b""
        while True:
            header = self._take(BLOCK)
            if not header.strip(b"\0"):
                return
            entry = self._parse(header)
            if entry.kind in (b"L", b"K", b"x", b"g"):
                if entry.size > MAX_HEADER:
                    raise OutputError("a name among the output files is too long to be read")
                data = self._take(entry.size + -entry.size % BLOCK)[: entry.size]
                if entry.kind == b"L":
                    long_path = data.rstrip(b"\0")
                elif entry.kind == b"x":
                    long_path = _pax_path(data) or long_path
                continue
            yield TarEntry(long_path or entry.path, entry.size, entry.kind)
            long_path = b""
            self._skip()

    def body(self) -> Iterator[bytes]:
        """The contents of the entry that was yielded last."""
        while self._body > 0:
            chunk = self._some(self._body)
            self._body -= len(chunk)
            yield chunk
        if self._padding:
            self._take(self._padding)
            self._padding = 0

    _body = _padding = 0

    def _skip(self) -> None:
        for _ in self.body():
            pass

    def _parse(self, header: bytes) -> TarEntry:
        stored = _number(header[148:156])
        if stored != sum(header[:148]) + 8 * 32 + sum(header[156:]):
            raise OutputError("the sandbox's output is not a tar stream")
        name, prefix = header[:100].rstrip(b"\0"), b""
        if header[257:263] == b"ustar\0":
            prefix = header[345:500].rstrip(b"\0")
        kind = header[156:157]
        size = _number(header[124:136])
        if size < 0 or size > 2**60:
            raise OutputError("the sandbox's output has an impossible size")
        carries = kind in (b"0", b"\0", b"7", b"S")
        self._body = size if carries else 0
        self._padding = -size % BLOCK if carries else 0
        return TarEntry(prefix + b"/" + name if prefix else name, size, kind)

    def _take(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            data += self._some(size - len(data))
        return bytes(data)

    def _some(self, most: int) -> bytes:
        """What is there of the next bytes, one at least; a chunk that is wanted as a whole is not copied."""
        while self._at == len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                raise EngineError("the sandbox's output was cut off")
            self._left -= len(chunk)
            if self._left < 0:
                raise OutputError("the output is larger than the sandbox's scratch area, as only a sparse file can be")
            self._chunk, self._at = chunk, 0
        data = self._chunk[self._at : self._at + most]
        self._at += len(data)
        return data


def _number(field_: bytes) -> int:
    if field_[:1] in (b"\x80", b"\xff"):
        return int.from_bytes(field_[1:], "big") if field_[:1] == b"\x80" else -1
    digits = field_.strip(b" \0")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        raise OutputError("the sandbox's output is not a tar stream") from None


def _pax_path(data: bytes) -> bytes:
    """The `path` record of a pax header, empty when there is none or the header is malformed."""
    path, at = b"", 0
    while at < len(data):
        space = data.find(b" ", at, at + 12)
        length = data[at:space] if space > at else b""
        if not length.isdigit() or not 0 < int(length) <= len(data) - at:
            break
        key, _, value = data[space + 1 : at + int(length)].rstrip(b"\n").partition(b"=")
        if key == b"path":
            path = value
        at += int(length)
    return path
