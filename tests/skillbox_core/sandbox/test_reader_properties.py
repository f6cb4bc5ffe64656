"""Properties of the two readers of strangers' bytes: what goes in honestly comes out the same; memory has a bound."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skillbox_core.base.json_rules import MAX_DEPTH, json_problem
from skillbox_core.base.paths import path_key, path_problem
from skillbox_core.errors import EngineError, OutputError, SkillboxError
from skillbox_core.sandbox.output import parse_output_document, read_output
from skillbox_core.skills.archive import inspect_archive

LIMIT = 4 * 2**20
U32 = st.integers(0, 2**32 - 1)
MEMORY = 8 * 2**20
"""Bytes that reading may take at once, whatever the archive or stream claims."""

MD = b"---\nname: a\ndescription: d\n---\n"
LETTERS = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"], exclude_characters="/\\:;")
PARTS = st.text(LETTERS, min_size=1, max_size=20)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join).filter(lambda path: path_problem(path) is None)


def are_apart(paths: list[str]) -> bool:
    """Whether no path is another one's twin or folder."""
    keys = [path_key(path) for path in paths]
    folders = {"/".join(key.split("/")[:n]) for key in keys for n in range(1, key.count("/") + 1)}
    return len(set(keys)) == len(keys) and not folders & set(keys)


FILES = st.dictionaries(PATHS, st.binary(max_size=2000), max_size=6).filter(
    lambda files: are_apart(["SKILL.md", "main.py", *files])
)


def peak_of(act: Callable[[], object]) -> int:
    """Bytes that Python's allocator held at most while this ran; only our own errors may come out."""
    tracemalloc.start()
    try:
        act()
    except SkillboxError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


@given(FILES, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_every_honest_archive_comes_back_byte_for_byte(files: dict[str, bytes], method: int) -> None:
    given_files = {"SKILL.md": MD, "main.py": b"x", **files}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.zip"
        with zipfile.ZipFile(path, "w", method) as packed:
            for name, data in given_files.items():
                packed.writestr(zipfile.ZipInfo(name), data, method)
        archive = inspect_archive(path, LIMIT)
        read = {file.path: b"".join(archive.read(file)) for file in archive.files}
    left_out = {name for name in given_files if name.rsplit("/", 1)[-1] == ".DS_Store" or name.startswith("__MACOSX/")}
    assert read == {name: data for name, data in given_files.items() if name not in left_out}


@given(FILES, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]), st.integers(1, 2000))
def test_every_honest_output_comes_back_byte_for_byte(files: dict[str, bytes], form: int, piece: int) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for name, data in {"out/output.json": b"{}", **{f"out/files/{n}": d for n, d in files.items()}}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    sent = stream.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder) / "spool"
        chunks = (sent[at : at + piece] for at in range(0, len(sent), piece))
        output = read_output(chunks, spool, limit=LIMIT, max_document=1024)
        kept = {}
        if output.spool:
            with tarfile.open(spool, "r:gz") as tar:
                kept = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
    assert (output.problem, output.skipped) == (None, ())
    assert kept == files
    assert {f.path: f.sha256 for f in output.files} == {n: hashlib.sha256(d).hexdigest() for n, d in files.items()}


@settings(max_examples=30)
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1), st.sampled_from([22, 24, 20, 42])
)
def test_no_claim_of_an_archive_makes_the_reader_take_more_memory(size: int, other: int, count: int, at: int) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("SKILL.md", MD)
        packed.writestr("zeros", bytes(3 * 2**20))
    data = bytearray(target.getvalue())
    entry = data.rindex(b"PK\1\2")
    data[entry + at : entry + at + 4] = size.to_bytes(4, "little")
    local = data.rindex(b"PK\3\4")
    data[local + 22 : local + 26] = other.to_bytes(4, "little")
    if count % 3 == 0:
        end = data.rindex(b"PK\5\6")
        data[end + 8 : end + 12] = count.to_bytes(2, "little") * 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.zip"
        path.write_bytes(data)
        assert peak_of(lambda: inspect_archive(path, LIMIT)) < MEMORY


@settings(max_examples=30)
@given(st.integers(0, 8**11 - 1), st.sampled_from(b"0LKxg5S7"), st.integers(0, 9000))
def test_no_claim_of_a_stream_makes_the_reader_take_more_memory(size: int, kind: int, times: int) -> None:
    header = bytearray(512)
    header[:11], header[124:136], header[156] = b"out/files/a", b"%011o\0" % size, kind
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:]))

    def chunks():  # type: ignore[no-untyped-def]
        for _ in range(times):
            yield bytes(header)
        while True:
            yield bytes(65536)

    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder) / "spool"
        assert peak_of(lambda: read_output(chunks(), spool, limit=2 * LIMIT, max_document=1024)) < MEMORY
        assert list(Path(folder).iterdir()) in ([], [spool])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
        max_leaves=20,
    )
)
def test_what_is_taken_as_json_can_be_written_by_any_strict_writer(value: object) -> None:
    if json_problem(value) is None:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    else:
        with pytest.raises((ValueError, UnicodeEncodeError)):
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(("levels", "taken"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (50_000, False)])
def test_depth_has_one_limit_whatever_nests(levels: int, taken: bool) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        text = opening * (levels - 1) + "1" + closing * (levels - 1)
        if taken:
            assert parse_output_document(text.encode()) == text
        else:
            with pytest.raises(OutputError, match="nested"):
                parse_output_document(text.encode())


@given(st.binary(max_size=2000))
def test_random_bytes_are_no_output_and_leave_nothing(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with suppress(OutputError, EngineError):
            # A block of zeros ends a tar, so it is an output in which everything is missing.
            assert read_output([data], Path(folder) / "spool", limit=LIMIT, max_document=1024).problem
        assert list(Path(folder).iterdir()) == []
