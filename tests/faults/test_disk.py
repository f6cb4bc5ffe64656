"""A disk that is full: a clear error, nothing half visible, and everything as before once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skillbox_core import Reason, Runner, RunResult, Settings, Status
from skillbox_core.errors import DatabaseError
from skillbox_core.operations.orphans import cleanup_orphans
from tests.faults.world import push, request
from tests.services.settling import containers_left

BIG = """
head -c 3000000 /dev/urandom >/sandbox/out/files/data
echo '{"ok": true}' >/sandbox/out/output.json
"""
ROOM = "size=32m"

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")


@contextmanager
def _small(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of this size; gives a function that changes it."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "skillbox-tests", str(folder)], check=True)
    try:
        yield lambda other: subprocess.run(["mount", "-o", f"remount,{other}", str(folder)], check=True) and None
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def local(installation: Settings, tmp_path: Path) -> Runner:
    """A worker with everything in folders of its own."""
    return Runner.from_settings(installation.model_copy(update={"home": tmp_path / "home"}))


def _assert_infrastructure(runner: Runner, result: RunResult) -> None:
    assert (result.status, result.reason) == (Status.FAILED, Reason.INFRASTRUCTURE), result
    assert "No space left on device" in str(result.error)
    assert runner.installation.executions.result("default", result.execution_id).error == result.error


def test_the_spool_is_full(local: Runner) -> None:
    push(local, script=BIG)
    with _small(local.installation.settings.home / "spool", "size=1m") as resize:
        result = local.run(request())
        _assert_infrastructure(local, result)
        assert "SKILLBOX_HOME/spool" in str(result.error)
        assert list(local.installation.spool.glob("*")) == []
        resize(ROOM)
        assert local.run(request()).files_list == ("data",)


def test_what_can_not_be_removed_is_said_and_stops_nothing_else(local: Runner) -> None:
    stuck, other = (local.installation.spool / f"{digit * 32}-1.in-x" for digit in "01")
    other.mkdir()
    with _small(stuck / "in use", "size=1m"):
        found = {orphan.name: orphan for orphan in cleanup_orphans(local.installation)}
        assert (found[stuck.name].done, found[other.name].done) == (False, True)
        assert "busy" in str(found[stuck.name].error)
    assert [orphan.done for orphan in cleanup_orphans(local.installation)] == [True]
    assert list(local.installation.spool.iterdir()) == []


def test_the_cache_is_full(local: Runner) -> None:
    push(local, script="# " + os.urandom(1_500_000).hex() + BIG)
    cache = local.installation.settings.home / "cache"
    with _small(cache, "size=500k") as resize:
        _assert_infrastructure(local, local.run(request()))
        assert [path for path in cache.glob("**/*") if path.is_file()] == []
        resize(ROOM)
        assert local.run(request()).status is Status.SUCCESS


def test_the_local_store_is_full(local: Runner) -> None:
    push(local, script=BIG)
    store = local.installation.settings.home / "store" / "executions"
    with _small(store, "size=1m") as resize:
        result = local.run(request())
        _assert_infrastructure(local, result)
        assert (result.files_list, result.output) == ((), {"ok": True})
        assert [path for path in store.glob("**/*") if path.is_file()] == []
        resize(ROOM)
        assert local.run(request()).files_list == ("data",)


def test_the_database_is_full(installation: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "database"
    with _small(folder, "size=2m"):
        settings = installation.model_copy(
            update={"home": tmp_path / "home", "db_dsn": f"sqlite:///{folder / 'skillbox.db'}"}
        )
        runner = Runner.from_settings(settings)
        push(runner)
        filler = folder / "filler"
        free = os.statvfs(folder)
        filler.write_bytes(b"x" * (free.f_bavail * free.f_frsize))
        with pytest.raises(DatabaseError, match="full"):
            runner.run(request())
        filler.unlink()
        assert runner.run(request()).status is Status.SUCCESS
        assert containers_left(runner.installation.engine, {"skillbox.instance": settings.instance}) == []


def test_a_database_that_somebody_locks_is_waited_for(local: Runner) -> None:
    import sqlite3
    import threading

    push(local)
    other = sqlite3.connect(
        local.installation.settings.home / "skillbox.db", isolation_level=None, check_same_thread=False
    )
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(1.5, lambda: other.execute("COMMIT")).start()
    assert local.run(request()).status is Status.SUCCESS
    other.close()
