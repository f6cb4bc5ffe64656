"""Fuzzes the intake: whatever the bytes, an archive is taken whole or refused by one of our errors."""

from __future__ import annotations

import struct
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

from skillbox_core.base.paths import path_key, path_problem
from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import SkillArchive, inspect_archive
from tests.fuzz.harness import Decisions, fuzz

LIMIT = 1024 * 1024
_MD = b"---\nname: a\ndescription: d\n---\n"


def check(data: bytes) -> None:
    """Judges one archive; raises AssertionError, or anything that is not ours, for a finding.

    An even first byte: the rest is the file. An odd one: the rest decides what a well-formed archive holds, and
    which of its fields lie.
    """
    archive = data[1:] if not data or data[0] % 2 == 0 else _built(Decisions(data[1:]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "skill.zip"
        path.write_bytes(archive)
        try:
            taken = inspect_archive(path, LIMIT)
        except InvalidSkillError as error:
            assert str(error).isprintable(), error
            assert len(str(error)) < 2000, error
        else:
            _is_sound(taken)
            _is_what_others_read(taken)
        assert [p.name for p in Path(folder).iterdir()] == ["skill.zip"]


def _is_sound(taken: SkillArchive) -> None:
    paths = [file.path for file in taken.files]
    assert all(path_problem(path) is None for path in paths), paths
    assert len({path_key(path) for path in paths}) == len(paths), paths
    assert {file.mode for file in taken.files} <= {0o644, 0o755}
    assert sum(file.size for file in taken.files) <= LIMIT
    assert taken.entrypoint is None or taken.entrypoint in paths


def _is_what_others_read(taken: SkillArchive) -> None:
    """Nothing is taken that another reader of zip files would read otherwise."""
    with warnings.catch_warnings(), zipfile.ZipFile(taken.path) as packed:
        warnings.simplefilter("ignore")
        assert len(packed.namelist()) == len(set(packed.namelist()))
        for file in taken.files:
            assert b"".join(taken.read(file)) == packed.read(file.entry.name), file


def _built(choose: Decisions) -> bytes:
    """An archive with honest structure, in which single fields may lie."""
    body, central, count = bytearray(), bytearray(), 0
    while choose.left and count < 8:
        data = _MD if count == 0 else choose.some(64)
        name = b"SKILL.md" if count == 0 else choose.some(24)
        method = (0, 8, 8, 12)[choose.byte() % 4]
        packed = _deflated(data) if method == 8 else data
        flags = (0, 0x800, 8, 1, 0x808)[choose.byte() % 5]
        fields = [flags, method, zlib.crc32(data), len(packed), len(data)]
        mode = (0, 0o100644, 0o100755, 0o120777, 0o040755, 0o010644)[choose.byte() % 6]
        own = list(fields) if choose.byte() % 8 else choose.lie(fields)
        if choose.byte() % 16 == 0:
            own = fields = choose.lie(fields)
        offset = len(body) if choose.byte() % 16 else choose.number(len(body) + 64)
        if flags & 8 and choose.byte() % 2:
            own[2:] = [0, 0, 0]
        extra = choose.some(6) if choose.byte() % 8 == 0 else b""
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, *own[:2], 0, 0, *own[2:], len(name), len(extra))
        body += name + extra + packed
        if flags & 8:
            body += (b"PK\7\x08" if choose.byte() % 2 else b"") + struct.pack("<3L", *fields[2:])
        head = (b"PK\1\2", 0x314, 20, *fields[:2], 0, 0, *fields[2:])
        central += struct.pack("<4s6H3L5H2L", *head, len(name), 0, 0, 0, 0, mode << 16, offset)
        central += name
        count += 1
    if choose.byte() % 16 == 0:
        body += choose.some(8)
    said = count if choose.byte() % 16 else choose.number(70_000)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, min(said, 0xFFFF), min(said, 0xFFFF), len(central), len(body), 0)
    return bytes(body + central) + end


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


if __name__ == "__main__":
    fuzz(check)
