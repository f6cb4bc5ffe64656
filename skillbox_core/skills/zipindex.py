"""A small, strict reader of zip files (APPNOTE.TXT 6.3.10) for archives from strangers.

The standard library's reader is made to open whatever it can. This one is made to refuse: every byte of
the file must belong to exactly one entry or to the directory, both headers of an entry must agree, what is
free in a record follows a rule (`ziprules`), and nothing outside stored and deflated, unencrypted, 32-bit zip is
taken. Contents come as a stream that stops at the size the directory promised.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.ziprules import (
    MARKS,
    comment_problem,
    ends_in_locator,
    entry_problem,
    extra_problem,
    other_format,
    version_problem,
)

CHUNK = 64 * 1024

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_DESCRIPTOR = struct.Struct("<3L")
_END_MAGIC, _CENTRAL_MAGIC, _LOCAL_MAGIC, _DESCRIPTOR_MAGIC = b"PK\5\6", b"PK\1\2", b"PK\3\4", b"PK\7\x08"

_ENCRYPTED, _DESCRIBED, _STRONG, _UTF8, _MASKED = 1 << 0, 1 << 3, 1 << 6, 1 << 11, 1 << 13
_STORED, _DEFLATED = 0, 8
_MAX_32 = 0xFFFFFFFF
_MAX_DIRECTORY = 4 * 1024 * 1024


@dataclass(frozen=True)
class ZipEntry:
    """One entry of the directory; sizes in bytes.

    Attributes:
        name: As stored, not yet checked by any rule but its encoding.
        mode: Unix mode with file type, or 0 when the archive does not say.
    """

    name: str
    size: int
    compressed: int
    crc: int
    mode: int
    offset: int
    method: int
    flags: int

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


def refuse(rule: str, name: str | None = None) -> InvalidSkillError:
    """The error for a broken archive, naming the entry and the rule."""
    where = f" (entry {name if len(name) <= 120 else name[:117] + '...'!a})" if name is not None else ""
    return InvalidSkillError(f"invalid skill archive: {rule}{where}")


def read_index(path: Path, max_entries: int) -> list[ZipEntry]:
    """Reads and checks the directory of a zip file, without its contents.

    Args:
        path: A local file.
        max_entries: More than these are refused before the directory is read.

    Raises:
        InvalidSkillError: Whatever is not a plain, whole, unambiguous zip.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if other := other_format(file.read(CHUNK)):
            raise refuse(f"it could be read as {other} as well")
        count, directory_size, directory_offset = _read_end(file, size)
        if count > max_entries:
            raise refuse(f"{count} entries, the limit is {max_entries}")
        if directory_size > _MAX_DIRECTORY:
            raise refuse("its directory is over 4 MiB")
        file.seek(directory_offset)
        directory = file.read(directory_size)
        entries = _read_directory(directory, count)
        if ends_in_locator(directory):
            raise refuse("its directory ends as zip64's does")
        _check_layout(file, entries, directory_offset)
    return entries


def read_entry(path: Path, entry: ZipEntry) -> Iterator[bytes]:
    """The contents of an entry in chunks, never more than its promised size.

    Raises:
        InvalidSkillError: The data is broken, longer or shorter than promised, or fails its checksum.
    """
    with path.open("rb") as file:
        file.seek(entry.offset + _local_header(file, entry).length)
        crc = produced = 0
        # Whoever reads from a pipe knows only by a mark where such an entry ends.
        guessed, before = entry.method == _STORED and bool(entry.flags & _DESCRIBED), b""
        for chunk in _inflate(file, entry):
            produced += len(chunk)
            if produced > entry.size:
                raise refuse("an entry is longer than it says", entry.name)
            if guessed and MARKS.search(before + chunk):
                raise refuse("an entry whose length is not at its beginning holds a mark of zip files", entry.name)
            before = chunk[-3:]
            crc = zlib.crc32(chunk, crc)
            yield chunk
    if produced != entry.size:
        raise refuse("an entry is shorter than it says", entry.name)
    if crc != entry.crc:
        raise refuse("an entry fails its checksum", entry.name)


def _read_end(file: IO[bytes], size: int) -> tuple[int, int, int]:
    if size < _END.size:
        raise refuse("not a zip file")
    file.seek(-min(size, _END.size + 0xFFFF), os.SEEK_END)
    tail = file.read()
    at = tail.rfind(_END_MAGIC)
    if at < 0 or at + _END.size > len(tail):
        raise refuse("not a zip file, or one that was cut or has data behind it")
    _, disk, start_disk, here, count, directory_size, offset, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail):
        raise refuse("it was cut or has data behind it, or its comment holds a second end of an archive")
    if problem := comment_problem(tail[at + _END.size :]):
        raise refuse(problem)
    if 0xFFFF in (disk, here, count) or _MAX_32 in (directory_size, offset):
        raise refuse("zip64 is not taken")
    if disk or start_disk or here != count:
        raise refuse("it is one part of several")
    if offset + directory_size != size - len(tail) + at:
        raise refuse("there is data between its directory and its end")
    return count, directory_size, offset


def _read_directory(data: bytes, count: int) -> list[ZipEntry]:
    entries: list[ZipEntry] = []
    at = 0
    for _ in range(count):
        if data[at : at + 4] != _CENTRAL_MAGIC or at + _CENTRAL.size > len(data):
            raise refuse("its directory is cut or has fewer entries than it says")
        fields = _CENTRAL.unpack_from(data, at)
        made_by, needed, flags, method = fields[1:5]
        crc, compressed, size, name_length, extra, comment, disk = fields[7:14]
        attributes, offset = fields[15:]
        at += _CENTRAL.size
        raw = data[at : at + name_length]
        extras = data[at + name_length : at + name_length + extra]
        at += name_length + extra + comment
        if at > len(data):
            raise refuse("its directory is cut")
        name = _decode(raw, flags)
        if disk or _MAX_32 in (compressed, size, offset):
            raise refuse("zip64 and split archives are not taken", name)
        if flags & (_ENCRYPTED | _STRONG | _MASKED):
            raise refuse("encrypted entries are not taken", name)
        if method not in (_STORED, _DEFLATED):
            raise refuse(f"compression method {method} is not taken, only stored and deflate", name)
        if method == _STORED and compressed != size:
            raise refuse("a stored entry has two sizes", name)
        problem = (
            extra_problem(extras, central=True)
            or entry_problem(name, made_by=made_by, needed=needed, flags=flags, attributes=attributes, extra=extras)
            or comment_problem(data[at - comment : at])
        )
        if problem:
            raise refuse(problem, name)
        entries.append(ZipEntry(name, size, compressed, crc, attributes >> 16, offset, method, flags))
    if at != len(data):
        raise refuse("its directory has more than it says")
    return entries


def _decode(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        rule = (
            "a name is not the UTF-8 it claims to be"
            if flags & _UTF8
            else "a name is neither ASCII nor marked as UTF-8"
        )
        raise refuse(rule, raw.decode("latin-1")) from None


@dataclass(frozen=True)
class _Local:
    """What an entry's own header says; `length` is its own, with name and extra fields."""

    needed: int
    flags: int
    method: int
    sizes: tuple[int, int, int]
    raw: bytes
    extra: bytes

    @property
    def length(self) -> int:
        return _LOCAL.size + len(self.raw) + len(self.extra)


def _local_header(file: IO[bytes], entry: ZipEntry) -> _Local:
    file.seek(entry.offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_MAGIC):
        raise refuse("an entry does not begin where the directory says", entry.name)
    _, needed, flags, method, _, _, crc, compressed, size, name_length, extra = _LOCAL.unpack(header)
    return _Local(needed, flags, method, (crc, compressed, size), file.read(name_length), file.read(extra))


def _check_layout(file: IO[bytes], entries: list[ZipEntry], directory_offset: int) -> None:
    """Entries must agree with their local headers and fill the file without gap or overlap."""
    expected = 0
    for entry in sorted(entries, key=lambda e: e.offset):
        if entry.offset != expected:
            raise refuse("entries overlap, or there is data between them", entry.name)
        local = _local_header(file, entry)
        if not _agree(local, entry):
            raise refuse("an entry's two headers disagree", entry.name)
        if problem := version_problem(local.needed) or extra_problem(local.extra, central=False):
            raise refuse(problem, entry.name)
        expected = entry.offset + local.length + entry.compressed
        if entry.flags & _DESCRIBED:
            expected += _descriptor_size(file, entry, expected)
    if expected != directory_offset:
        raise refuse("there is data between its entries and its directory")


def _agree(local: _Local, entry: ZipEntry) -> bool:
    """Whether an entry's own header says what the directory says; what a descriptor says may be 0 in it."""
    if local.flags != entry.flags or local.method != entry.method:
        return False
    open_ = (0,) if entry.flags & _DESCRIBED else ()
    promised = (entry.crc, entry.compressed, entry.size)
    said = all(own in (wanted, *open_) for own, wanted in zip(local.sizes, promised, strict=True))
    return said and _decode(local.raw, local.flags) == entry.name


def _descriptor_size(file: IO[bytes], entry: ZipEntry, at: int) -> int:
    """Length of the data descriptor behind an entry's data; its signature is optional by the standard.

    Not so where it alone shows that a stored entry is at its end, or where what it begins with looks like it.
    """
    file.seek(at)
    data = file.read(4 + _DESCRIPTOR.size)
    promised = _DESCRIPTOR.pack(entry.crc, entry.compressed, entry.size)
    if data == _DESCRIPTOR_MAGIC + promised:
        return len(data)
    clear = entry.method == _DEFLATED and not promised.startswith(_DESCRIPTOR_MAGIC)
    if clear and data.startswith(promised):
        return _DESCRIPTOR.size
    raise refuse("an entry's data descriptor disagrees with the directory", entry.name)


def _inflate(file: IO[bytes], entry: ZipEntry) -> Iterator[bytes]:
    left = entry.compressed
    if entry.method == _STORED:
        while left:
            chunk = file.read(min(CHUNK, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    pending = b""
    try:
        while not inflater.eof:
            if not pending:
                pending = file.read(min(CHUNK, left))
                left -= len(pending)
            chunk = inflater.decompress(pending, CHUNK)
            if not pending and not chunk and not inflater.eof:
                raise refuse("an entry's data is cut", entry.name)
            pending = inflater.unconsumed_tail
            if chunk:
                yield chunk
    except zlib.error as error:
        raise refuse(f"an entry's data is broken ({error})", entry.name) from None
    if left or pending or inflater.unused_data:
        raise refuse("there is data behind the end of an entry", entry.name)
