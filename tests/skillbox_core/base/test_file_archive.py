"""An archive of files: every reader of tar.gz takes it, and each file is read by its own bytes alone."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.file_archive import ArchiveWriter, Span, inflate, is_packed, read_head

FILES = {
    "rows.csv": b"".join(b"%d,%d,north\n" % (n, n * n % 977) for n in range(40_000)),
    "é/ü.parquet": b"PAR1" + os.urandom(200_000) + b"PAR1",
    "empty.txt": b"",
    "noise.bin": os.urandom(300_000),
    f"{'deep/' * 20}{'x' * 150}.txt": b"hi",
    "zeros": bytes(5_000_000),
    "photo.jpg": b"\xff\xd8\xff" + b"the same again " * 10_000,
}


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[begin : begin + size] for begin in range(0, len(data), size))


def packed(files: dict[str, bytes], size: int = 65_536) -> tuple[bytes, dict[str, Span]]:
    sink, spans = io.BytesIO(), {}
    writer = ArchiveWriter(sink)
    for name, data in files.items():
        spans[name], digest = writer.add(name, len(data), pieces(data, size))
        assert digest == hashlib.sha256(data).hexdigest()
    writer.close()
    assert writer.sha256.hexdigest() == hashlib.sha256(sink.getvalue()).hexdigest()
    return sink.getvalue(), spans


@pytest.mark.parametrize("mode", ["r:gz", "r|gz", "r:*", "r|*"])
def test_python_reads_it_to_its_end_streaming_or_not(mode: str) -> None:
    archive, _ = packed(FILES)
    with tarfile.open(fileobj=io.BytesIO(archive), mode=mode) as tar:  # type: ignore[call-overload]
        assert {member.name: tar.extractfile(member).read() for member in tar} == FILES


@pytest.mark.parametrize("program", ["tar", "bsdtar", "gzip"])
def test_other_readers_take_it_to_its_end(program: str, tmp_path: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here; `make test` as root installs it")
    archive, _ = packed(FILES)
    (tmp_path / "files.tar.gz").write_bytes(archive)
    if program == "gzip":
        subprocess.run(["gzip", "--test", tmp_path / "files.tar.gz"], check=True)
        return
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(
        [program, "-xzf", tmp_path / "files.tar.gz", "-C", out], check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()} == FILES


def test_it_is_one_member_of_the_size_and_the_sum_that_it_names() -> None:
    archive, _ = packed(FILES)
    reader = zlib.decompressobj(31)
    tar = reader.decompress(archive)
    assert (reader.eof, reader.unused_data) == (True, b"")
    assert int.from_bytes(archive[-4:], "little") == len(tar)
    assert len(tar) % 512 == 0


@pytest.mark.parametrize("size", [17, 999, 65_536])
def test_each_file_is_read_by_its_own_bytes_alone(size: int) -> None:
    archive, spans = packed(FILES)
    for name, span in spans.items():
        part = archive[span.offset : span.offset + span.length]
        assert b"".join(inflate(pieces(part, size), len(FILES[name]))) == FILES[name]
        assert zlib.decompressobj(-15).decompress(part) == FILES[name], "so says the standard library"


def test_what_is_compressed_already_lies_there_as_it_is() -> None:
    archive, spans = packed(FILES)
    for name in ("é/ü.parquet", "photo.jpg"):
        data = FILES[name]
        assert data[:60_000] in archive
        assert spans[name].length - len(data) <= 5 * 2 * (len(data) // 65_536 + 1)
    assert spans["rows.csv"].length < len(FILES["rows.csv"]) / 2


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"PAR1", True),
        (b"PK\x03\x04", True),
        (b"\x1f\x8b\x08", True),
        (b"\x28\xb5\x2f\xfd", True),
        (b"\x89PNG\r\n\x1a\n", True),
        (b"\xff\xd8\xff\xe0", True),
        (b"RIFF\x00\x00\x00\x00WEBP", True),
        (b"RIFF\x00\x00\x00\x00WAVE", False),
        (b"\x00\x00\x00\x18ftypmp42", True),
        (b"ARROW1\0\0", False),
        (b"%PDF-1.7", False),
        (b"a,b\n", False),
        (b"", False),
    ],
)
def test_what_is_compressed_is_told_by_its_first_bytes(head: bytes, expected: bool) -> None:
    assert is_packed(head) is expected


@pytest.mark.parametrize("size", [3, 10_000, 32_768, 1_500_000])
def test_the_same_files_make_the_same_bytes_however_they_came(size: int) -> None:
    files = {"rows.csv": FILES["rows.csv"] * 4, "t.parquet": FILES["é/ü.parquet"], "photo.jpg": FILES["photo.jpg"]}
    if size == 3:
        files = {name: data[:20_000] for name, data in files.items()}
    assert packed(files, size) == packed(files, 65_536)


def test_no_more_than_the_files_size_is_ever_unpacked() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = bomb.compress(bytes(200_000_000)) + bomb.flush()
    unread = pieces(data, 10_000)
    got = list(inflate(unread, 15_000_000))
    assert sum(map(len, got)) == 15_000_000
    assert max(map(len, got)) <= 1024 * 1024
    assert len(list(unread)) > 10, "nor is more read"


@pytest.mark.parametrize("broken", [b"\xff" * 100, b"\x07", b"PAR1" * 10])
def test_bytes_that_are_no_part_of_an_archive_are_refused_or_give_less(broken: bytes) -> None:
    try:
        assert len(b"".join(inflate([broken], 100))) < 100
    except ValueError:
        pass


@given(
    st.dictionaries(st.text("abc/é", min_size=1, max_size=8), st.binary(max_size=2_000), max_size=6),
    st.integers(1, 700),
)
def test_any_files_come_back(files: dict[str, bytes], size: int) -> None:
    archive, spans = packed(files, size)
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r|gz") as tar:
        assert [tar.extractfile(member).read() for member in tar if member.isreg()] == list(files.values())
    for name, span in spans.items():
        part = archive[span.offset : span.offset + span.length]
        assert b"".join(inflate([part], len(files[name]))) == files[name]


@pytest.mark.parametrize("size", [0, 1, 4096, 10**7])
def test_the_beginning_of_a_file_is_read_without_the_others(size: int) -> None:
    archive, spans = packed(FILES)
    for name, data in FILES.items():
        begin = spans[name].offset
        alone = bytes(begin) + archive[begin : begin + spans[name].length]
        assert read_head(io.BytesIO(alone), spans[name], size) == data[:size], name
