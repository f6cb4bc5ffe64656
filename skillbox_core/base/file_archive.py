"""An execution's files as one tar.gz, of which each file can be read by itself.

The archive is one gzip member, since Python's streaming readers (`r|gz`) stop behind the first of several and say
nothing. Before and behind the contents of each file the deflate stream is flushed in full: it begins anew there, at a
whole byte and without a look back, so that raw inflate can begin at a file's contents (`Span`) with nothing before.

What is compressed already lies in stored blocks, as it is.
"""

from __future__ import annotations

import hashlib
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from isal import isal_zlib

BLOCK = 512
CHUNK = 1024 * 1024
LEVEL = 1
"""Of isal: as small as zlib's level 3 makes it, at seven times the speed."""
_HEADER = struct.pack("<4BIBB", 0x1F, 0x8B, 8, 0, 0, 0, 255)
"""One gzip member: deflate, no name, no time, so that the same files make the same bytes."""
_STORED = 0xFFFF
"""Bytes that a stored block can have."""
_PACKED = (
    b"PAR1",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"BZh",
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"OggS",
    b"fLaC",
    b"\x1aE\xdf\xa3",
)
"""How files begin that are compressed: Parquet, zip, gzip, zstd, xz, 7z, bzip2, PNG, JPEG, GIF, Ogg, FLAC, WebM."""


@dataclass(frozen=True)
class Span:
    """Where the contents of a file lie in an archive, in compressed bytes from its beginning."""

    offset: int
    length: int


class Sink(Protocol):
    """Takes bytes, all of them at once, as a buffered binary file does."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Takes them."""


def is_packed(head: bytes) -> bool:
    """Whether a file that begins so is compressed already. Pure."""
    return head.startswith(_PACKED) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:8] == b"ftyp"


class ArchiveWriter:
    """Writes files one after the other; `close` makes it whole.

    Attributes:
        sha256: Of all that was written.
    """

    def __init__(self, sink: Sink) -> None:
        self.sha256 = hashlib.sha256()
        self._sink = sink
        self._crc = self._length = self._size = 0
        self._deflate = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -zlib.MAX_WBITS)
        self._write(_HEADER)

    def add(self, name: str, size: int, contents: Iterable[bytes]) -> tuple[Span, str]:
        """Writes a file.

        Args:
            name: Its path, checked.
            contents: As many bytes as `size` says; no more of them is asked for than is there.

        Returns:
            Where its contents are, and their SHA-256.
        """
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o644
        self._pack(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        self._flush()
        begin, digest = self._size, hashlib.sha256()
        stored: bool | None = None
        for chunk in _even(contents):
            digest.update(chunk)
            if stored is None:
                stored = is_packed(chunk[:16])
            if stored:
                self._store(chunk)
            else:
                self._pack(chunk)
        if stored is False:
            self._flush()
        span = Span(begin, self._size - begin)
        self._pack(bytes(-size % BLOCK))
        return span, digest.hexdigest()

    def close(self) -> None:
        """Writes the end of the tar and of the gzip member."""
        self._pack(bytes(2 * BLOCK))
        self._write(self._deflate.flush(isal_zlib.Z_FINISH))
        self._write(struct.pack("<II", self._crc, self._length & 0xFFFFFFFF))

    def _pack(self, data: bytes) -> None:
        self._count(data)
        self._write(self._deflate.compress(data))

    def _store(self, data: bytes) -> None:
        self._count(data)
        for begin in range(0, len(data), _STORED):
            length = min(_STORED, len(data) - begin)
            self._write(struct.pack("<BHH", 0, length, length ^ 0xFFFF))
            self._write(memoryview(data)[begin : begin + length])

    def _flush(self) -> None:
        self._write(self._deflate.flush(isal_zlib.Z_FULL_FLUSH))

    def _count(self, data: bytes) -> None:
        self._crc = isal_zlib.crc32(data, self._crc)
        self._length += len(data)

    def _write(self, data: bytes | memoryview) -> None:
        self._size += len(data)
        self.sha256.update(data)
        self._sink.write(data)


def _even(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of one size. How a stream was cut by its way must not be in what is packed.

    Two workers that collect the same output write the same archive, so that the later one changes nothing.
    """
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= CHUNK:
            whole = b"".join(held)
            for begin in range(0, size - CHUNK + 1, CHUNK):
                yield whole[begin : begin + CHUNK]
            held = [whole[size - size % CHUNK :]]
            size %= CHUNK
    if size:
        yield b"".join(held)


def inflate(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The contents of a file from the bytes of its span: as many as these hold, and never more than `size`.

    Raises:
        ValueError: They are no such bytes.
    """
    reader = isal_zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in pieces:
            # No more than is asked for; but 0 would be all there is.
            data = reader.decompress(piece, min(CHUNK, size) or 1)
            while data:
                yield data[:size]
                size -= len(data[:size])
                if not size:
                    return
                data = reader.decompress(reader.unconsumed_tail, min(CHUNK, size))
    except isal_zlib.IsalError as error:  # type: ignore[misc]  # its stub says that it is a variable
        raise ValueError(str(error)) from None


def unpack(pieces: Iterable[bytes], size: int, sha256: str, target: Sink) -> bool:
    """Writes the contents of a file from the bytes of its span, as `inflate`; whether they are those of its digest.

    What was written before that is known is of no worth where they are not.
    """
    digest, written = hashlib.sha256(), 0
    try:
        for chunk in inflate(pieces, size):
            digest.update(chunk)
            written += len(chunk)
            target.write(chunk)
    except ValueError:
        return False
    return (written, digest.hexdigest()) == (size, sha256)


def read_span(packed: IO[bytes], span: Span, piece: int = CHUNK) -> Iterator[bytes]:
    """The compressed bytes of a file's contents, from an archive on this machine."""
    packed.seek(span.offset)
    left = span.length
    while left and (chunk := packed.read(min(piece, left))):
        left -= len(chunk)
        yield chunk


def read_head(packed: IO[bytes], span: Span, size: int) -> bytes:
    """The beginning of a file's contents, at most `size` bytes. Nothing else of the archive is read.

    Raises:
        ValueError: The archive is damaged there.
    """
    return b"".join(inflate(read_span(packed, span, max(BLOCK, size)), size))
