"""What the free fields of a zip may hold, so that a reviewer who unpacks it sees what runs. Pure.

Readers of zip files differ in what they make of a comment, an extra field, an attribute or the beginning of the
file. What one of them could take for another archive, another name or another kind of entry is refused.
"""

from __future__ import annotations

import re
import struct

MAX_COMMENT = 4096
"""Bytes of a comment. libarchive looks for the end record in the last 16 KiB only, and then reads another way."""
MARKS = re.compile(b"PK(?:\1\2|\3\4|\5\6|\6\6|\6\7|\7\x08)")
"""With which the records of a zip begin: central, local, end, zip64 end, zip64 locator, data descriptor."""

_LOCATOR = b"PK\6\7"
_LOCATOR_SIZE = 20
_MAX_VERSION = 45
"""APPNOTE 4.4.3.2: what needs more is refused, or left out, by some readers; no entry that is taken needs it."""
_SYSTEMS = {0: "FAT", 3: "Unix", 10: "NTFS", 11: "NTFS of Info-ZIP", 14: "VFAT", 19: "macOS"}
"""APPNOTE 4.4.2.2. Of others the attributes mean other things, and VMS's names end in a version."""
_UNIX = (3, 19)
_DOS_FOLDER = 0x10
_KNOWN_FLAGS = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 11
_DRIVE = re.compile(r"[A-Za-z]:(?![/\\])")
_VMS_VERSION = re.compile(r";[0-9]*$")

_ZIP64 = 0x0001
_RENAMING = {0x7075: "a second name", 0x6375: "a second comment", 0x756E: "a link's target", 0x9901: "encryption"}

_TAR_HEADER = 512
_TAR_SUM = slice(148, 156)
_ISO_AT = 16 * 2048 + 1


def comment_problem(comment: bytes) -> str | None:
    """The rule that a comment breaks: readable text of no more than `MAX_COMMENT` bytes, in which no record hides."""
    if len(comment) > MAX_COMMENT:
        return f"a comment is over {MAX_COMMENT} bytes"
    try:
        text = comment.decode("utf-8")
    except UnicodeDecodeError:
        return "a comment is no text in UTF-8"
    # The marks of a zip's records are not printable, so a comment that is has none.
    if not re.sub(r"[\r\n\t]", "", text).isprintable():
        return "a comment has characters that can't be printed"
    return None


def extra_problem(extra: bytes, *, central: bool) -> str | None:
    """The rule that an entry's extra fields break: known ones, each once and of its size, and nothing else.

    What is known holds times and owners, which Skillbox doesn't use; so what two headers of one entry say of
    them can't matter.

    Args:
        central: Whether they are of the directory; else of the entry's own header.
    """
    at, seen = 0, set()
    while at < len(extra):
        if at + 4 > len(extra):
            return "its extra fields have bytes that belong to none"
        kind, size = struct.unpack_from("<2H", extra, at)
        data = extra[at + 4 : at + 4 + size]
        at += 4 + size
        if len(data) < size:
            return f"its extra field {kind:#06x} is cut"
        if kind in _RENAMING:
            return f"its extra field {kind:#06x} could give it {_RENAMING[kind]}"
        if kind == _ZIP64:
            return "zip64 is not taken"
        if kind in seen:
            return f"its extra field {kind:#06x} comes twice"
        seen.add(kind)
        right = _right_size(kind, data, central)
        if right is None:
            return f"its extra field {kind:#06x} is not a known one"
        if not right:
            return f"its extra field {kind:#06x} is not of its size"
    return None


def _right_size(kind: int, data: bytes, central: bool) -> bool | None:
    """Whether a field is built as its definition says; None for an unknown one (Info-ZIP's proginfo/extrafld.txt)."""
    size = len(data)
    match kind:
        case 0x000A:
            # Reserved, then one attribute: number 1, of 24 bytes, three times.
            return size == 32 and data[4:8] == b"\1\0\x18\0"
        case 0x5455:
            # Which times there are, and they. The directory has the first only, or as some write it, all of them.
            there = data[0] & 7 if data else 0
            whole = 1 + 4 * there.bit_count()
            return bool(data) and (size == whole or (central and size == 1 + 4 * (there & 1)))
        case 0x5855:
            return size in (8, 12)
        case 0x7855:
            return size == (0 if central else 4)
        case 0x7875:
            # Version 1, then the sizes of a user's and a group's number, and these.
            users = data[1] if size > 1 else 0
            groups = data[2 + users] if size > 2 + users else 0
            return data[:1] == b"\1" and 0 < users <= 8 and 0 < groups <= 8 and size == 3 + users + groups
    return None


def version_problem(needed: int) -> str | None:
    """The rule that the version of the format breaks that reading an entry takes, in tenths."""
    if needed > _MAX_VERSION:
        return f"an entry needs version {needed / 10:g} of the format, and not every reader has more than 4.5"
    return None


def entry_problem(name: str, *, made_by: int, needed: int, flags: int, attributes: int, extra: bytes) -> str | None:
    """The rule that an entry of the directory breaks: some readers would take it for something else, or leave it out.

    Args:
        made_by: The system in its upper byte.
        needed: The version of the format that reading it takes.
        attributes: Unix's in the upper half, DOS's in the lower.
        extra: Its extra fields in the directory.
    """
    if made_by >> 8 not in _SYSTEMS:
        return f"an entry is made on system {made_by >> 8}, whose attributes not every reader knows"
    if problem := version_problem(needed):
        return problem
    if flags & ~_KNOWN_FLAGS:
        return f"an entry has unknown flags ({flags & ~_KNOWN_FLAGS:#06x})"
    if attributes & _DOS_FOLDER and not name.endswith("/"):
        return "an entry is a folder by its attributes and a file by its name"
    if not name.isascii() and not extra and made_by >> 8 not in _UNIX:
        # Unzip reads the mark for UTF-8 only with the extra fields, and takes the name for one of DOS.
        return "a name is not ASCII, made on Windows, and has no extra field, without which unzip shows another one"
    if _DRIVE.match(name):
        return "a name begins with a drive's letter, which bsdtar takes off"
    if _VMS_VERSION.search(name):
        return "a name ends in a semicolon and digits, which unzip takes off"
    return None


def ends_in_locator(directory: bytes) -> bool:
    """Whether the end of the directory would be taken for zip64's, since readers look for that by position."""
    return directory[-_LOCATOR_SIZE:].startswith(_LOCATOR)


def other_format(head: bytes) -> str | None:
    """The format for which a reader of many would take the file: they try tar and ISO 9660 first.

    Args:
        head: The beginning of the file, 34 KiB or all of it.
    """
    if _is_tar(head[:_TAR_HEADER]):
        return "tar"
    return "ISO 9660" if head.startswith(b"CD001", _ISO_AT) else None


def _is_tar(header: bytes) -> bool:
    if len(header) < _TAR_HEADER:
        return False
    said = re.match(rb"[ \0]*([0-7]+)", header[_TAR_SUM])
    if not said:
        return False
    summed = header[: _TAR_SUM.start] + b" " * 8 + header[_TAR_SUM.stop :]
    # Both ways of summing up are in use: bytes with and without a sign.
    plain = sum(summed)
    return int(said[1], 8) in (plain, plain - 256 * sum(byte > 127 for byte in summed))
