"""Walls that stand behind another one, each on its own: the first may be taken down one day."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from skillbox_core.errors import InvalidSkillError, OutputError
from skillbox_core.sandbox import output
from skillbox_core.sandbox.output import parse_output_document, read_output
from skillbox_core.sandbox.tarstream import TarReader
from skillbox_core.skills.archive import MAX_ENTRIES, SkillFile, _read_manifest
from skillbox_core.skills.manifest import MAX_SKILL_MD
from skillbox_core.skills.zipindex import ZipEntry, read_entry, read_index


def test_a_number_within_pythons_limit_may_be_over_ours() -> None:
    with pytest.raises(OutputError, match="4100 digits"):
        parse_output_document(b"1" * 4100)


def test_a_stream_ends_at_its_limit_though_it_says_nothing_of_its_size() -> None:
    header = tarfile.TarInfo("out/files/x")
    header.size = 1 << 20
    reader = TarReader(iter([header.tobuf(), *[bytes(1 << 16)] * 16]), 1 << 18)
    with pytest.raises(OutputError, match="scratch area"):
        for _ in reader:
            pass


def test_entries_are_counted_whatever_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MAX_ENTRIES", 10)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for number in range(11):
            info = tarfile.TarInfo(f"out/{number}")
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
    with pytest.raises(OutputError, match="more than 10 entries"):
        read_output([stream.getvalue()], tmp_path / "spool", limit=1 << 20, max_document=1024)


def packed(tmp_path: Path, data: bytes, *, comment: bytes = b"", between: bytes = b"") -> Path:
    """A zip with one entry `x`, whose stored bytes are `data`, said to be deflated."""
    crc, size = zlib.crc32(b"hello"), 5
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(data), size, 1, 0) + b"x"
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(data), size, 1, 0, len(comment), 0, 0, 0o100644 << 16, 0
    )
    central += b"x" + comment
    head = local + data + between
    path = tmp_path / "made.zip"
    path.write_bytes(head + central + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central), len(head), 0))
    return path


def deflated(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def test_such_a_zip_is_taken(tmp_path: Path) -> None:
    path = packed(tmp_path, deflated(b"hello"))
    (entry,) = read_index(path, MAX_ENTRIES)
    assert b"".join(read_entry(path, entry)) == b"hello"


def test_there_is_nothing_behind_the_end_of_an_entry(tmp_path: Path) -> None:
    path = packed(tmp_path, deflated(b"hello") + b"smuggled")
    (entry,) = read_index(path, MAX_ENTRIES)
    with pytest.raises(InvalidSkillError, match="behind the end of an entry"):
        list(read_entry(path, entry))


def test_there_is_nothing_between_the_entries_and_their_directory(tmp_path: Path) -> None:
    with pytest.raises(InvalidSkillError, match="between its entries and its directory"):
        read_index(packed(tmp_path, deflated(b"hello"), between=b"smuggled"), MAX_ENTRIES)


def test_a_directory_is_limited_however_few_its_entries_are(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(80):
            info = zipfile.ZipInfo(str(number))
            info.comment = bytes(60_000)
            archive.writestr(info, b"")
    with pytest.raises(InvalidSkillError, match="directory is over 4 MiB"):
        read_index(path, MAX_ENTRIES)


def test_skill_md_is_limited_before_it_is_read(tmp_path: Path) -> None:
    entry = ZipEntry("SKILL.md", MAX_SKILL_MD + 1, 1, 0, 0o644, 0, 8, 0)
    with pytest.raises(InvalidSkillError, match=r"SKILL\.md is over"):
        _read_manifest(tmp_path / "not-even-there", (SkillFile("SKILL.md", 0o644, entry),))
