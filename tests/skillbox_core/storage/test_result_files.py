"""Results open: their files are read, checked and downloaded, here and wherever else the installation is."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from skillbox_core import RunResult, Settings, Status, aload_result, load_result
from skillbox_core.errors import (
    ChangedObjectError,
    DatabaseError,
    DiskError,
    ExecutionNotFoundError,
    InvalidRequestError,
    OutputError,
    SettingsError,
    SkillboxError,
    StorageError,
)
from skillbox_core.installation import Installation
from skillbox_core.models import Artifacts, ExecutionError, ExecutionFailedError
from skillbox_core.storage.artifacts import ArtifactStore
from tests.services.results import begun, ended, left

FILES = {
    "rows.csv": b"kind,n\nb,5\n",
    "deep/er/é.txt": "\ufeffgrün\r\nrot\rblau\n".encode(),
    "doc.json": b'{"a": [1, null]}',
    "chart.png": b"\x89PNG\r\n\x1a\n\xff",
    "empty": b"",
}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation.from_settings(Settings(home=tmp_path / "home", db_dsn="", s3_endpoint=""))


@pytest.fixture
def result(installation: Installation) -> RunResult:
    return left(installation, FILES)


@pytest.fixture
def ours(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes it the installation of this process."""
    installation.settings.home.mkdir(exist_ok=True)
    monkeypatch.setenv("SKILLBOX_HOME", str(installation.settings.home))
    for name in ("SKILLBOX_DB_DSN", "SKILLBOX_S3_ENDPOINT"):
        monkeypatch.setenv(name, "")


def contents(result: RunResult) -> dict[str, bytes]:
    return {path: result.read_bytes(path) for path in result.files_list}


def test_each_file_is_read_as_what_it_is(result: RunResult) -> None:
    assert contents(result) == FILES
    assert result.read_text("deep/er/é.txt") == "grün\nrot\nblau\n"
    assert result.read_json("doc.json") == {"a": [1, None]}
    with result.open("rows.csv") as file:
        assert (file.readline(), file.seek(-2, os.SEEK_END), file.read(), file.seekable()) == (
            b"kind,n\n",
            9,
            b"5\n",
            True,
        )
    assert [(file.path, file.size) for file in result.files] == [(path, len(data)) for path, data in FILES.items()]
    assert {len(file.sha256) for file in result.files} == {64}


def test_an_event_loop_reads_them_too(result: RunResult, tmp_path: Path, ours: None) -> None:
    async def read() -> list[Any]:
        loaded = await aload_result(result.execution_id)
        with await loaded.aopen("empty") as file:
            assert file.read() == b""
        return [
            await loaded.aread_bytes("empty"),
            await loaded.aread_text("rows.csv"),
            await loaded.aread_json("doc.json"),
            (await loaded.atable("rows.csv", columns=["n"])).to_pydict(),
            await loaded.adownload(tmp_path / "out", "rows.csv"),
        ]

    assert asyncio.run(read()) == [
        b"", "kind,n\nb,5\n", {"a": [1, None]}, {"n": [5]}, [tmp_path / "out" / "rows.csv"],
    ]  # fmt: skip


@pytest.mark.parametrize("columns", [None, ["n"]])
def test_a_table_is_one_of_arrow(result: RunResult, columns: list[str] | None) -> None:
    table = result.table("rows.csv", columns)
    assert table.to_pydict() == ({"kind": ["b"], "n": [5]} if columns is None else {"n": [5]})


@pytest.mark.parametrize(
    ("read", "kind", "said"),
    [
        (lambda r: r.open("row.csv"), InvalidRequestError, "leaves .*left no file 'row.csv' .*did you mean 'rows.csv'"),
        (lambda r: r.open("ä\x1b[2J"), InvalidRequestError, r"no file '\\xe4\\x1b\[2J' \(its files: 'rows.csv', "),
        (lambda r: r.open("../rows.csv"), InvalidRequestError, "did you mean 'rows.csv'"),
        (lambda r: r.open("/etc/passwd"), InvalidRequestError, "left no file"),
        (lambda r: r.open(""), InvalidRequestError, "left no file"),
        (lambda r: r.download("never", "rows.csv", "rows"), InvalidRequestError, "did you mean 'rows.csv'"),
        (lambda r: r.read_text("chart.png"), OutputError, "'chart.png' is not UTF-8 text: .* at byte 0.*read_bytes"),
        (lambda r: r.read_json("rows.csv"), OutputError, "'rows.csv' is not JSON: .*read_text"),
        (lambda r: r.read_json("chart.png"), OutputError, "not UTF-8"),
        (lambda r: r.table("chart.png"), InvalidRequestError, r"can't be read as a table.*\.parquet.*open\(path\)"),
        (lambda r: r.table("row.csv"), InvalidRequestError, "did you mean 'rows.csv'"),
        (lambda r: r.table("rows.csv", ["m"]), InvalidRequestError, "no column 'm' .its columns: 'kind', 'n'"),
    ],
)
def test_what_can_not_be_read_so_is_an_error_with_the_way_out(
    result: RunResult, read: Callable[[RunResult], Any], kind: type[SkillboxError], said: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=said) as caught:
        read(result)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "never").exists()


def test_without_pyarrow_everything_but_tables_works(result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert contents(result) == FILES
    monkeypatch.setattr(type(result), "open", lambda *_: pytest.fail("it was fetched for nothing"))
    with pytest.raises(InvalidRequestError, match=r"pyarrow.*pip install 'skillbox-core\[tables\]'"):
        result.table("rows.csv")


def test_a_run_without_files_says_so(installation: Installation, tmp_path: Path) -> None:
    result = left(installation, {})
    assert (result.files, result.download(tmp_path / "out")) == ((), [])
    with pytest.raises(InvalidRequestError, match=r"left no files, so there is no 'rows.csv'"):
        result.open("rows.csv")


def test_a_running_execution_has_no_files_and_its_result_has_them_at_its_end(
    installation: Installation, tmp_path: Path
) -> None:
    execution = begun(installation)
    result = installation.executions.result("default", execution.id)
    assert result.status is Status.RUNNING
    for read in (lambda: result.files, lambda: result.open("a"), lambda: result.download(tmp_path / "out")):
        with pytest.raises(InvalidRequestError, match=r"still running"):
            read()
    ended(installation, execution, {"a": b"1"})
    assert result.read_bytes("a") == b"1"


def test_an_execution_from_before_digests_can_be_opened_and_has_none(
    installation: Installation, result: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installation.executions._database.session() as session:
        session.execute(
            sqlalchemy.text(
                "UPDATE executions SET files_digests = '[]', files_spans = '[]', files_sha256 = '', files_size = 0"
            )
        )
    old = installation.executions.result("default", result.execution_id)
    assert contents(old) == FILES
    assert len(old.download(tmp_path / "out")) == len(FILES)
    fetched: list[object] = []
    monkeypatch.setattr(ArtifactStore, "fetch", lambda *asked, fetch=ArtifactStore.fetch: fetched.append(fetch(*asked)))
    assert old.download(tmp_path / "two", "empty", "rows.csv") == [
        tmp_path / "two" / "rows.csv",
        tmp_path / "two" / "empty",
    ]
    assert len(fetched) == 1, "where the archive has to be read from its beginning, it is read once"
    with pytest.raises(InvalidRequestError, match=r"before digests were kept"):
        _ = old.files
    with pytest.raises(InvalidRequestError, match=r"did you mean 'rows.csv'"):
        old.open("rows.cvs")


def object_of(installation: Installation, result: RunResult) -> Path:
    return installation.settings.home / "store" / "executions" / result.artifacts.key


def test_files_that_left_the_store_or_changed_there_are_never_given(
    installation: Installation, result: RunResult, tmp_path: Path
) -> None:
    other = left(installation, {**FILES, "rows.csv": b"kind,n\nb,6\n"})
    reads = (lambda: result.open("rows.csv"), lambda: result.download(tmp_path / "out", "rows.csv"))
    everything = lambda: result.download(tmp_path / "all")  # noqa: E731
    object_of(installation, result).write_bytes(object_of(installation, other).read_bytes())
    for read in (*reads, everything):
        with pytest.raises(ChangedObjectError):
            read()
    object_of(installation, result).unlink()
    for read in (*reads, everything):
        with pytest.raises(StorageError, match=r"no longer in the store"):
            read()
    assert [path for folder in ("out", "all") for path in (tmp_path / folder).rglob("*")] == []


COPIES: dict[str, Callable[[RunResult], RunResult]] = {
    "pickled": lambda result: pickle.loads(pickle.dumps(result)),
    "as JSON": lambda result: RunResult.model_validate_json(result.model_dump_json()),
    "in a pickled error": lambda result: pickle.loads(pickle.dumps(ExecutionFailedError("x", result=result))).result,
    "pickled by an older release": lambda result: _without_private(pickle.loads(pickle.dumps(result))),
    "loaded by its id": lambda result: load_result(result.execution_id),
}


def _without_private(result: RunResult) -> RunResult:
    object.__setattr__(result, "__pydantic_private__", None)
    return result


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_from_elsewhere_opens_in_this_process_s_installation(
    result: RunResult, kind: str, ours: None, tmp_path: Path
) -> None:
    again = COPIES[kind](result)
    assert contents(again) == FILES
    assert again.files == result.files
    assert len(again.download(tmp_path / "out")) == len(FILES)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: one.model_copy(update={"logs": "x"})])
def test_a_copy_in_this_process_knows_where_it_came_from(
    result: RunResult, copied: Callable[[RunResult], RunResult], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SKILLBOX_HOME", str(tmp_path / "nothing here"))
    assert contents(copied(result)) == FILES
    assert contents(ExecutionError("x", result=result).result) == FILES


def test_where_a_result_came_from_is_no_part_of_what_it_says(installation: Installation, result: RunResult) -> None:
    again = installation.executions.result("default", result.execution_id)
    assert again == result == pickle.loads(pickle.dumps(result)) == RunResult(**dict(result))
    kept = pickle.dumps(result)
    assert str(installation.settings.home).encode() not in kept.replace(result.files_url.encode(), b"")
    assert set(json.loads(result.model_dump_json())) == {
        "execution_id", "status", "files_url", "files_list", "duration_ms", "error",
    }  # fmt: skip


def test_a_forked_child_uses_connections_of_its_own(result: RunResult, ours: None) -> None:
    before = result._files
    child = os.fork()
    if not child:
        same = result._files is before
        os._exit(3 if same else 0 if result.read_bytes("rows.csv") == FILES["rows.csv"] else 4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_another_process_that_knows_the_folder_only_opens_a_pickled_result(
    installation: Installation, result: RunResult, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_bytes(pickle.dumps(result))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).read_text('rows.csv'))"
    environment = {"SKILLBOX_HOME": str(installation.settings.home), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "kept")],
        capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "kind,n\nb,5\n\n"), done.stderr


def test_a_result_of_another_tenant_or_installation_is_not_found(
    installation: Installation, ours: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = left(installation, FILES, tenant="acme")
    assert contents(load_result(theirs.execution_id, tenant="acme")) == FILES
    assert contents(pickle.loads(pickle.dumps(theirs))) == FILES
    with pytest.raises(ExecutionNotFoundError):
        load_result(theirs.execution_id)
    # The JSON does not say whose it is.
    with pytest.raises(ExecutionNotFoundError, match=r"for tenant default.*load_result"):
        RunResult.model_validate_json(theirs.model_dump_json()).open("rows.csv")
    monkeypatch.setenv("SKILLBOX_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError):
        pickle.loads(pickle.dumps(theirs)).open("rows.csv")
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(ExecutionNotFoundError, match=r"load_result"):
        pickle.loads(pickle.dumps(theirs)).open("rows.csv")
    assert contents(load_result(theirs.execution_id, tenant="acme", settings=installation.settings)) == FILES


def test_a_database_that_fails_is_said(
    result: RunResult, ours: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKILLBOX_DB_DSN", f"sqlite:///{tmp_path}")
    assert contents(result) == FILES, "what is known already needs no record"
    with pytest.raises(DatabaseError):
        RunResult.model_validate_json(result.model_dump_json()).open("rows.csv")


def test_a_result_made_by_hand_has_nothing_to_open(ours: None) -> None:
    with pytest.raises(InvalidRequestError, match=r"left no files"):
        ExecutionFailedError("out of luck").result.open("a")


def test_chosen_files_and_all_of_them_are_downloaded_under_their_own_paths(result: RunResult, tmp_path: Path) -> None:
    assert result.download(str(tmp_path / "one"), "deep/er/é.txt") == [tmp_path / "one" / "deep" / "er" / "é.txt"]
    assert result.download(tmp_path / "all") == [tmp_path / "all" / path for path in FILES]
    for folder, expected in (("one", ["deep/er/é.txt"]), ("all", [*FILES])):
        top = tmp_path / folder
        found = {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        assert found == {path: FILES[path] for path in expected}


@pytest.mark.parametrize("paths", [(), ("rows.csv", "deep/er/é.txt")], ids=["all", "chosen"])
class TestDownload:
    """What stands in a folder already."""

    def test_a_file_of_that_name_is_replaced_and_a_link_is_not_followed(
        self, result: RunResult, tmp_path: Path, paths: tuple[str, ...]
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "mine").write_text("mine")
        (tmp_path / "out" / "rows.csv").symlink_to(tmp_path / "mine")
        result.download(tmp_path / "out", *paths)
        assert (tmp_path / "mine").read_text() == "mine"
        assert not (tmp_path / "out" / "rows.csv").is_symlink()
        assert (tmp_path / "out" / "rows.csv").read_bytes() == FILES["rows.csv"]

    def test_a_linked_folder_leads_nowhere(self, result: RunResult, tmp_path: Path, paths: tuple[str, ...]) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "outside").mkdir()
        (tmp_path / "out" / "deep").symlink_to(tmp_path / "outside")
        with pytest.raises(StorageError, match=r"leads out of"):
            result.download(tmp_path / "out", *paths)
        assert list((tmp_path / "outside").iterdir()) == []

    @pytest.mark.parametrize("place", ["rows.csv/folder", "deep", "."])
    def test_what_can_not_be_written_is_an_error_that_names_it(
        self, result: RunResult, tmp_path: Path, paths: tuple[str, ...], place: str
    ) -> None:
        target = tmp_path / "out"
        if place.endswith("folder"):
            (target / place).mkdir(parents=True)
        elif place == "deep":
            target.mkdir()
            (target / "deep").write_text("a file")
        else:
            target.write_text("a file")
        with pytest.raises(InvalidRequestError, match=f"{target}.* can't be written"):
            result.download(target, *paths)
        assert [path for path in tmp_path.rglob(".*") if path.is_file()] == []

    def test_a_full_disk_is_said_and_leaves_no_half_of_a_file(
        self, result: RunResult, tmp_path: Path, paths: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "rows.csv").write_text("before")

        def full(_source: Any, target: Any, *_: Any) -> None:
            target.write(b"ki")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("skillbox_core.storage.downloads.shutil.copyfileobj", full)
        if paths:
            # Where it is opened there is room.
            monkeypatch.setattr(ArtifactStore, "open_file", lambda *_: io.BytesIO())
        with pytest.raises(DiskError, match=r"rows.csv can't be written: No space left"):
            result.download(tmp_path / "out", *paths)
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["rows.csv"]
        assert (tmp_path / "out" / "rows.csv").read_text() == "before"

    def test_several_at_once_into_one_folder_all_succeed(
        self, result: RunResult, tmp_path: Path, paths: tuple[str, ...]
    ) -> None:
        failed: list[BaseException] = []
        together = threading.Barrier(4)

        def download() -> None:
            try:
                together.wait(10)
                for _ in range(10):
                    result.download(tmp_path / "out", *paths)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=download) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        there = {
            path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
        }
        assert there == set(paths or FILES)


def test_the_store_that_was_named_is_asked_for_what_is_stored(installation: Installation, result: RunResult) -> None:
    moved = result.model_copy(update={"artifacts": Artifacts()})
    assert contents(moved) == FILES
