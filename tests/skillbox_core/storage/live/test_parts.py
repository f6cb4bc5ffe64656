"""One of many files is read out of the store by its own bytes, and is what was stored or an error."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import text

from skillbox_core import Runner, RunOptions, RunRequest, files_from, input_files
from skillbox_core.base.file_archive import Span
from skillbox_core.errors import ChangedObjectError, DiskError, InvalidRequestError, StorageError
from skillbox_core.inputs.staging import REQUEST, is_cheaper_in_part
from skillbox_core.installation import Installation
from skillbox_core.models import Artifacts, Execution, FileDigest
from skillbox_core.sandbox.output import read_output
from skillbox_core.storage.objects import BLOCK, _linked
from tests.services.faults import http_proxy
from tests.services.swift import S3Service
from tests.skillbox_core.storage.live.test_storage import archive

SMALL = b"day,sold\n" + b"2026-11-29,7\n" * 1_000
LARGE = os.urandom(12_000_000)
FILES = {"a/large.bin": LARGE, "small.csv": SMALL, "nothing": b"", "table.parquet": b"PAR1" + LARGE[:2_000_000]}
LEAVES = """
import json, os
os.makedirs("/sandbox/out/files", exist_ok=True)
for name, size in (("large.bin", 12_000_000), ("small.txt", 5)):
    open(f"/sandbox/out/files/{name}", "wb").write(os.urandom(size) if size > 5 else b"bytes")
open("/sandbox/out/output.json", "w").write("1")
"""
READS = """
import json, os
names = sorted(os.listdir("/sandbox/in/files"))
json.dump({name: os.path.getsize(f"/sandbox/in/files/{name}") for name in names}, open("/sandbox/out/output.json", "w"))
"""


def stored(installation: Installation, tmp_path: Path, files: dict[str, bytes] = FILES) -> Artifacts:
    """Files in the store, by the way that a skill's take from its stream on."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in {"output.json": b"1", **{f"files/{name}": data for name, data in files.items()}}.items():
            info = tarfile.TarInfo(f"out/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    stream.seek(0)
    output = read_output(iter(lambda: stream.read(65_536), b""), tmp_path / "spooled", limit=1 << 30, max_document=9)
    execution = cast(Execution, SimpleNamespace(tenant="default", id="1" * 32, attempt=1))
    return installation.artifacts.upload(execution, output)


@pytest.mark.parametrize("name", FILES)
def test_one_file_is_read_as_it_was_stored(store: Installation, tmp_path: Path, name: str) -> None:
    artifacts = stored(store, tmp_path)
    with store.artifacts.open_file(artifacts, name) as file:
        assert file.read() == FILES[name]
        file.seek(0)
        assert file.read(9) == FILES[name][:9]


def test_the_spooled_archive_can_go_afterwards(store: Installation, tmp_path: Path) -> None:
    artifacts = stored(store, tmp_path)
    (tmp_path / "spooled").unlink()
    store.artifacts.fetch(artifacts, tmp_path / "again")
    assert (tmp_path / "again").stat().st_size == artifacts.size


def test_no_more_than_its_part_is_fetched_from_s3(installation: Any, s3: S3Service, tmp_path: Path) -> None:
    with http_proxy(s3.endpoint) as proxy:
        changes = {"s3_access_key": s3.access_key, "s3_secret_key": s3.secret_key, "s3_endpoint": proxy.address}
        remote = Installation.from_settings(installation.model_copy(update={**changes, "home": tmp_path / "home"}))
        artifacts = stored(remote, tmp_path)
        before = proxy.answered
        with remote.artifacts.open_file(artifacts, "small.csv") as file:
            assert file.read() == SMALL
        assert proxy.answered - before < 20_000
        with remote.artifacts.open_file(artifacts, "a/large.bin") as file:
            assert file.read() == LARGE
        assert proxy.answered - before < len(LARGE) + 100_000
        asked = [request for request, _ in proxy.requests if request.startswith("GET") and "files.tar.gz" in request]
        assert len(asked) == 1 + -(-len(LARGE) // BLOCK), "a request for each piece, and none to look it up"


def without_spans(artifacts: Artifacts) -> Artifacts:
    return replace(artifacts, spans=())


def test_archives_of_before_are_read_from_their_beginning(store: Installation, tmp_path: Path) -> None:
    artifacts = without_spans(stored(store, tmp_path))
    with store.artifacts.open_file(artifacts, "small.csv") as file:
        assert file.read() == SMALL
    with pytest.raises(InvalidRequestError, match="left no file 'other'"):
        store.artifacts.open_file(artifacts, "other")


@pytest.mark.parametrize("known", [True, False])
def test_another_archive_in_its_place_is_noticed(store: Installation, tmp_path: Path, known: bool) -> None:
    artifacts = stored(store, tmp_path)
    stored(store, tmp_path, {**FILES, "small.csv": SMALL.replace(b"7", b"8")})
    with pytest.raises(ChangedObjectError):
        store.artifacts.open_file(artifacts if known else without_spans(artifacts), "small.csv")
    (tmp_path / "short").write_bytes(b"short")
    store.artifacts._bucket.put(tmp_path / "short", artifacts.key)
    with pytest.raises((ChangedObjectError, StorageError)):
        store.artifacts.open_file(artifacts if known else without_spans(artifacts), "small.csv")


@pytest.mark.parametrize("known", [True, False])
def test_an_archive_that_is_gone_is_a_fault_of_the_store(store: Installation, tmp_path: Path, known: bool) -> None:
    artifacts = stored(store, tmp_path)
    store.artifacts._bucket.delete(artifacts.key)
    with pytest.raises(StorageError, match="no longer in the store"):
        store.artifacts.open_file(artifacts if known else without_spans(artifacts), "small.csv")


def test_a_full_disk_is_said(local: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = stored(local, tmp_path)
    monkeypatch.setattr("skillbox_core.storage.artifacts.TemporaryFile", lambda: open("/dev/full", "r+b", buffering=0))  # noqa: PTH123, SIM115
    with pytest.raises(DiskError, match="temporary file"):
        local.artifacts.open_file(artifacts, "small.csv")


@pytest.mark.parametrize(
    ("sizes", "wanted", "expected"),
    [
        ([10 * REQUEST, 5], ["1"], True),
        ([10 * REQUEST, 5], ["0"], False),
        ([10 * REQUEST, 5], ["0", "1"], False),
        ([REQUEST // 2, REQUEST // 4], ["1"], False),
        ([REQUEST] * 100, [str(number) for number in range(49)], True),
        ([REQUEST] * 100, [str(number) for number in range(51)], False),
    ],
)
def test_files_are_fetched_one_by_one_where_that_spares_more_than_it_asks(
    sizes: list[int], wanted: list[str], expected: bool
) -> None:
    files = tuple(FileDigest(str(number), size, "") for number, size in enumerate(sizes))
    spans = tuple(Span(0, size) for size in sizes)
    whole = Artifacts("key", files, sum(sizes) + 1, "", spans)
    assert is_cheaper_in_part(whole, wanted) is expected
    assert not is_cheaper_in_part(without_spans(whole), wanted)


def test_a_run_is_given_one_file_of_another_by_its_part(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path, name="leaves", script=LEAVES))
    store.registry.push("default", archive(tmp_path, name="reads", script=READS))
    runner = Runner(store)
    left = runner.run(RunRequest(skill="leaves")).raise_for_status()
    assert len(left.artifacts.spans) == 2
    assert store.executions.result("default", left.execution_id).artifacts == left.artifacts
    chosen = runner.run(RunRequest(skill="reads"), RunOptions(files=input_files(files_from(left, "small.txt"))))
    assert chosen.raise_for_status().output == {"small.txt": 5}
    twice = RunOptions(files=input_files({"one": files_from(left, "small.txt"), "two": files_from(left, "small.txt")}))
    assert runner.run(RunRequest(skill="reads"), twice).raise_for_status().output == {"one": 5, "two": 5}
    with store.executions._database.session() as session:
        session.execute(text("UPDATE executions SET files_spans='[]'"))
    old = runner.run(RunRequest(skill="reads"), RunOptions(files=input_files(files_from(left, "small.txt"))))
    assert old.raise_for_status().output == {"small.txt": 5}
    # Places that are not those of the archive: what is read there is not the file, and no skill is started.
    with store.executions._database.session() as session:
        session.execute(text("UPDATE executions SET files_spans='[[10, 50], [10, 50]]'"))
    wrong = runner.run(RunRequest(skill="reads"), RunOptions(files=input_files(files_from(left, "small.txt"))))
    assert "its digest has changed" in (wrong.error or "")


def test_two_workers_that_collect_one_output_store_the_same(store: Installation, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in {
            "output.json": b"1",
            "files/small.csv": SMALL * 300,
            "files/t.parquet": FILES["table.parquet"],
        }.items():
            info = tarfile.TarInfo(f"out/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    execution = cast(Execution, SimpleNamespace(tenant="default", id="2" * 32, attempt=1))
    uploaded = []
    for size in (32_768, 10_000):
        stream.seek(0)
        chunks = iter(lambda size=size: stream.read(size), b"")  # type: ignore[misc]
        output = read_output(chunks, tmp_path / "spooled", limit=1 << 30, max_document=9)
        uploaded.append(store.artifacts.upload(execution, output))
    assert uploaded[0] == uploaded[1]
    store.artifacts.fetch(uploaded[0], tmp_path / "whole")


def test_a_second_name_is_no_old_draft(local: Installation, tmp_path: Path) -> None:
    spooled = tmp_path / "old"
    spooled.write_bytes(b"old")
    os.utime(spooled, (1, 1))
    bucket = local.artifacts._bucket
    draft = bucket._draft()
    assert _linked(spooled, draft)
    bucket._draft()
    assert draft.exists()


@pytest.mark.parametrize("name", ["small.csv", "a/large.bin"])
def test_no_room_for_a_temporary_file_is_said(
    local: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    artifacts = stored(local, tmp_path)

    def full() -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("skillbox_core.storage.artifacts.TemporaryFile", full)
    with pytest.raises(DiskError, match="No usable temporary directory"):
        local.artifacts.open_file(artifacts, name)
