"""Zip files that show one reader something else than another, or hold what none of them shows."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

from tests.skillbox_core.skills.zipwork import (
    BARE,
    GOOD,
    MD,
    SIGNED,
    Made,
    archive,
    end,
    end64,
    field,
    forged,
    locator,
    parts,
)

OTHER = (Made(b"SKILL.md", MD), Made(b"main.py", b"print('something else')\n"))


def _second_in_comment(said: int | None) -> bytes:
    """A whole archive in the comment of the first, which ends with a record of its own."""
    body, directory = parts(*GOOD)
    before = len(body) + len(directory) + 22
    other, others = parts(*OTHER, base=before)
    comment = other + others + end(2, len(others), before + len(other), b"x", said)
    return body + directory + end(2, len(directory), len(body), comment)


def _other_directory_in_data(*, tail: Callable[[int, int, int], bytes], in_last: str) -> bytes:
    """A second directory inside an entry's contents, to which the end of the last entry's record leads.

    Args:
        tail: Makes the last bytes of the directory from the hidden one's length, place and entries.
        in_last: Where they are: comment or extra.
    """
    # The hidden directory calls the script by the place of the decoy that lies beside it.
    decoy, hidden = parts(Made(b"main.py", b"print('something else')\n"))
    first, _ = parts(GOOD[0])
    start = len(first) + 30 + len(b"data.bin")
    _, hidden = parts(Made(b"main.py", b"print('something else')\n"), base=start)
    record = end64(1, len(hidden), start + len(decoy))
    data = decoy + hidden + record
    last = tail(start + len(decoy) + len(hidden), len(hidden), start + len(decoy))
    main = Made(b"main.py", GOOD[1].data, **{in_last: last})
    return archive(GOOD[0], Made(b"data.bin", data, deflate=False), main)


def _tar_too() -> bytes:
    """The first entry's contents make the file's first 512 bytes a tar header; a tar of other files follows."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        info = tarfile.TarInfo("main.py")
        info.size = len(OTHER[1].data)
        tar.addfile(info, io.BytesIO(OTHER[1].data))
    head = 30 + len(b"data.bin")

    def made(middle: bytes) -> bytes:
        data = middle + target.getvalue()
        return archive(Made(b"data.bin", data, deflate=False), *GOOD)

    # From the size on (124): size, time, sum, kind; then zeros up to 512.
    middle = bytearray(512 - head)
    middle[100 - head : 124 - head] = b"0000644\0" * 3
    middle[124 - head : 148 - head] = b"00000000000\0" * 2
    middle[156 - head] = ord("0")
    middle[257 - head : 265 - head] = b"ustar\x0000"
    middle[148 - head : 156 - head] = b" " * 8
    for _ in range(3):
        # The checksum of the entry is in the header too, and changes with it.
        header = bytearray(made(bytes(middle))[:512])
        header[148:156] = b" " * 8
        middle[148 - head : 156 - head] = b"%06o\0 " % sum(header)
    return _settle_sum(made, middle, head)


def _settle_sum(made: Callable[[bytes], bytes], middle: bytearray, head: int) -> bytes:
    for salt in range(1 << 16):
        middle[300 - head : 302 - head] = struct.pack("<H", salt)
        for _ in range(3):
            header = bytearray(made(bytes(middle))[:512])
            right = tarfile.calc_chksums(bytes(header))[0]  # type: ignore[attr-defined]
            if header[148:156] == b"%06o\0 " % right:
                return made(bytes(middle))
            middle[148 - head : 156 - head] = b"%06o\0 " % right
    raise AssertionError


def _iso_too() -> bytes:
    """A volume descriptor of ISO 9660 in an entry's contents, at the place where it is looked for."""
    data = bytes(32768 - 30 - len(b"data.bin")) + (
        b"\1CD001\1\0".ljust(2048, b"\0") + b"\xffCD001\1\0".ljust(2048, b"\0")
    )
    return archive(Made(b"data.bin", data.ljust(1 << 16, b"\0"), deflate=False), *GOOD)


def _ends_early_in_a_pipe(described: str) -> bytes:
    """Stored contents that hold their own descriptor, behind which a reader of a pipe sees other entries."""
    prefix = b"print('something else')\n"
    seen, _ = parts(Made(b"main.py", prefix, deflate=False, described=described))
    data = seen.removeprefix(b"PK\3\4" + seen[4 : 30 + len(b"main.py")]) + parts(Made(b"x", b"y"))[0]
    return archive(GOOD[0], Made(b"main.py", data, deflate=False, described=described))


def _with_flag(bit: int) -> bytes:
    return archive(GOOD[0], Made(b"main.py", GOOD[1].data, flags=1 << bit))


def _main(**how: object) -> bytes:
    return archive(GOOD[0], Made(b"main.py", GOOD[1].data, **how))  # type: ignore[arg-type]


def _renamed(kind: int, name: bytes, to: bytes) -> bytes:
    return field(kind, b"\1" + struct.pack("<L", zlib.crc32(name)) + to)


_FOLDER = 0o040755 << 16
_LAST_TIMES = b"\0\0\0\0\1\0\x18\0"

TWO_FACED: dict[str, bytes] = {
    "a second archive in the comment": _second_in_comment(None),
    "a second archive in the comment, with an end of another length": _second_in_comment(0),
    "an end in the comment": archive(*GOOD, comment=end(1, 10, 20)),
    "zip64's end in the last comment": _other_directory_in_data(
        tail=lambda record, _size, _at: locator(record), in_last="comment"
    ),
    "zip64's end in the last extra field": _other_directory_in_data(
        tail=lambda record, _size, _at: field(0x000A, _LAST_TIMES + b"\0" * 4 + locator(record)), in_last="extra"
    ),
    "a second name": _main(extra=_renamed(0x7075, b"main.py", b"run.py")),
    "a second name, in the directory only": _main(extra=_renamed(0x7075, b"main.py", b"run.py"), local_extra=b""),
    "a second name, at the entry only": _main(local_extra=_renamed(0x7075, b"main.py", b"run.py")),
    "a second comment": _main(extra=_renamed(0x6375, b"", b"other")),
    "a version behind a semicolon": archive(*GOOD, Made(b"main.py;1", OTHER[1].data)),
    "a name that is DOS's to unzip": archive(
        *GOOD, Made(b"-+", b"1"), Made("\u00c0".encode(), b"2", made_by=20, flags=0x800)
    ),
    "a drive's letter": archive(*GOOD, Made(b"a:main.py", OTHER[1].data)),
    "a semicolon at the end": archive(*GOOD, Made(b"main.py;", OTHER[1].data)),
    "a folder by its attributes": _main(made_by=20, attributes=0x10),
    "a version that few read": _main(needed=99),
    "a version of another system": _main(needed=0x0214),
    "made on VMS": _main(made_by=0x0214),
    "made on Amiga": _main(made_by=0x0114, attributes=0o4000 << 16),
    "a link by its extra field": _main(extra=field(0x756E, struct.pack("<LHLHH", 0, 0o120777, 3, 0, 0) + b"etc")),
    "encrypted by its extra field": _main(extra=field(0x9901, b"\2\0AE\3\10\0")),
    "zip64's sizes beside others": _main(extra=field(1, struct.pack("<2Q", 5, 5))),
    "an unknown extra field": _main(extra=field(0xBEEF, b"hidden")),
    "an archive in an extra field": _main(local_extra=field(0x5455, b"\1" + archive(*OTHER))),
    "a time too many": _main(extra=field(0x5455, b"\1" + b"0" * 8)),
    "times twice": _main(extra=field(0x5455, b"\1" + b"0" * 4) * 2),
    "an extra field that is cut": _main(extra=struct.pack("<2H", 0x5455, 9) + b"\1"),
    "bytes behind the extra fields": _main(local_extra=b"xyz"),
    "patched data": _with_flag(5),
    "an unknown flag": _with_flag(14),
    "a tar too": _tar_too(),
    "ISO 9660 too": _iso_too(),
    "ends early in a pipe": _ends_early_in_a_pipe(SIGNED),
    "ends early in a pipe, bare": _ends_early_in_a_pipe(BARE),
    "a descriptor that may be its mark": archive(Made(b"data", forged(b"x" * 50, 0x08074B50), described=BARE), *GOOD),
    "stored, with a bare descriptor": _main(deflate=False, described=BARE),
    "bytes in a folder": archive(*GOOD, Made(b"lib/", attributes=_FOLDER, packed=b"\3\0" + b"hidden")),
    "bytes in a folder that is no stream": archive(*GOOD, Made(b"lib/", attributes=_FOLDER, packed=b"hidden")),
    "bytes in what is left out": archive(*GOOD, Made(b"__MACOSX/x", b"", packed=b"\3\0" + archive(*OTHER))),
    "what is left out fails its checksum": archive(*GOOD, Made(b"__MACOSX/x", b"ab", packed=b"ba", deflate=False)),
    "a comment that clears the screen": archive(*GOOD, comment=b"\x1b[2J"),
    "a comment that turns its direction": archive(*GOOD, comment="\u202ecod.exe".encode()),
    "a comment in no encoding": archive(*GOOD, comment=b"caf\xe9"),
    "a comment that is too long": archive(*GOOD, comment=b"x" * 20_000),
    "an entry's comment with a record": _main(comment=end(0, 0, 0)),
}


def _streamed(method: int) -> bytes:
    class Pipe(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, chunk) -> int:  # type: ignore[no-untyped-def, override]
            self.data += bytes(chunk)
            return len(chunk)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", method) as packed:  # type: ignore[arg-type]
        for one in GOOD:
            packed.writestr(one.name.decode(), one.data)
        packed.mkdir("scripts")
        packed.writestr("scripts/\u00fc.txt", "x")
    return pipe.data


_UT = field(0x5455, b"\3" + b"abcdabcd"), field(0x5455, b"\3" + b"abcd")
_UX = field(0x7875, b"\1\4" + b"\0" * 4 + b"\4" + b"\0" * 4)


def _written(**central: object) -> bytes:
    return archive(*(Made(one.name, one.data, **central) for one in GOOD))  # type: ignore[arg-type]


HONEST: dict[str, bytes] = {
    "plain": archive(*GOOD),
    "Python's stream, stored": _streamed(zipfile.ZIP_STORED),
    "Python's stream, deflated": _streamed(zipfile.ZIP_DEFLATED),
    "git archive": archive(
        *(Made(one.name, one.data, made_by=0, needed=10, attributes=0, extra=field(0x5455, b"\1abcd")) for one in GOOD),
        comment=b"0bb2ae7c612680db2d557af78ceb6398f1c98c1a",
    ),
    "git archive, with SHA-256": archive(*GOOD, comment=b"0bb2ae7c" * 8),
    "Info-ZIP's zip": _written(made_by=0x031E, local_extra=_UT[0] + _UX, extra=_UT[1] + _UX),
    "ditto of macOS": _written(
        made_by=0x0315, described=SIGNED, local_extra=field(0x5855, b"a" * 12), extra=field(0x5855, b"a" * 8)
    ),
    "Info-ZIP's second kind of owner": _written(local_extra=field(0x7855, b"\0" * 4), extra=field(0x7855, b"")),
    "7-Zip on Windows": _written(
        made_by=63, attributes=0x20, local_extra=b"", extra=field(0x000A, _LAST_TIMES + b"1" * 24)
    ),
    "bare descriptors": _written(described=BARE),
    "a comment of two lines": archive(*GOOD, comment="R\u00e9sum\u00e9\r\nof two lines".encode()),
    "comments of entries": _written(comment=b"for a reader"),
    "7-Zip on Windows, a name in UTF-8": archive(
        *GOOD,
        Made("\u00c0".encode(), made_by=63, flags=0x800, local_extra=b"", extra=field(0x000A, _LAST_TIMES + b"1" * 24)),
    ),
    "Java's folder": archive(*GOOD, Made(b"lib/", attributes=_FOLDER, packed=b"\3\0")),
}
