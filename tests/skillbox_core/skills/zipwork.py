"""Zip files made field by field, so that each of them can say something else than the others."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

MD = b"---\nname: a\ndescription: d\n---\nDo it.\n"
SIGNED, BARE = "signed", "bare"


@dataclass(frozen=True)
class Made:
    """An entry; what is None is as it should be.

    Attributes:
        packed: The bytes that stand in the file.
        described: `SIGNED` or `BARE` for a data descriptor; the entry's own header has no sizes then.
        local_extra: None for the same as in the directory.
    """

    name: bytes
    data: bytes = b""
    deflate: bool = True
    packed: bytes | None = None
    flags: int = 0
    made_by: int = 0x0314
    needed: int = 20
    attributes: int = 0o100644 << 16
    extra: bytes = b""
    local_extra: bytes | None = None
    comment: bytes = b""
    described: str | None = None


GOOD = (Made(b"SKILL.md", MD), Made(b"main.py", b"print(1)\n" * 9))


def field(kind: int, data: bytes) -> bytes:
    """An extra field."""
    return struct.pack("<2H", kind, len(data)) + data


def end(count: int, size: int, offset: int, comment: bytes = b"", said: int | None = None) -> bytes:
    """An end record, which may say another length of its comment than it has."""
    length = len(comment) if said is None else said
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, offset, length) + comment


def end64(count: int, size: int, offset: int) -> bytes:
    """The end record of zip64."""
    return struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)


def locator(at: int) -> bytes:
    """What leads to a zip64 end record."""
    return struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)


def parts(*entries: Made, base: int = 0) -> tuple[bytes, bytes]:
    """The entries and their directory, for a place `base` bytes into a file."""
    body, directory = b"", b""
    for one in entries:
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = one.packed
        if packed is None:
            packed = packer.compress(one.data) + packer.flush() if one.deflate else one.data
        flags = one.flags | (8 if one.described else 0)
        sizes = zlib.crc32(one.data), len(packed), len(one.data)
        own = (0, 0, 0) if one.described else sizes
        extra = one.extra if one.local_extra is None else one.local_extra
        head = (one.needed, flags, 8 if one.deflate else 0, 0, 33)
        at = base + len(body)
        body += struct.pack("<4s5H3L2H", b"PK\3\4", *head, *own, len(one.name), len(extra)) + one.name + extra + packed
        if one.described:
            body += (b"PK\7\x08" if one.described == SIGNED else b"") + struct.pack("<3L", *sizes)
        lengths = len(one.name), len(one.extra), len(one.comment)
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", one.made_by, *head, *sizes, *lengths, 0, 0, one.attributes, at
        )
        directory += one.name + one.extra + one.comment
    return body, directory


def archive(*entries: Made, comment: bytes = b"") -> bytes:
    """An archive of these entries."""
    body, directory = parts(*entries)
    return body + directory + end(len(entries), len(directory), len(body), comment)


def forged(data: bytes, crc: int) -> bytes:
    """The data and four bytes more, with which its checksum is this one."""
    # Backwards: which entries of the table lead to the wanted register, then which bytes take there from the data's.
    table = _table()
    wanted, order = crc ^ 0xFFFFFFFF, []
    for _ in range(4):
        index = next(n for n in range(256) if table[n] >> 24 == wanted >> 24)
        order.append(index)
        wanted = ((wanted ^ table[index]) << 8) & 0xFFFFFFFF
    register, tail = zlib.crc32(data) ^ 0xFFFFFFFF, b""
    for index in reversed(order):
        tail += bytes([(register & 0xFF) ^ index])
        register = register >> 8 ^ table[index]
    return data + tail


def _table() -> list[int]:
    made = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0xEDB88320 if number & 1 else 0)
        made.append(number)
    return made
