"""The Prefect server of these tests: the one that `make setup` found, or with SKILLBOX_TEST_POSTGRES=1 one on Postgres.

With Postgres, the test installation keeps its records there too.
"""

from __future__ import annotations

import fcntl
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.services import shared
from tests.services.postgres import fresh_database

if TYPE_CHECKING:
    # Not loaded by a process that only deals tests: those that run them wait until it has started.
    from skillbox_core import Runner, Settings
    from tests.services.prefect import PrefectServer

HERE = Path(__file__).parent
ON_POSTGRES = os.environ.get("SKILLBOX_TEST_POSTGRES") == "1"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips what a server on SQLite can't do; deals the tests between the two databases where `make test` runs both."""
    if not ON_POSTGRES:
        for item in items:
            for mark in item.iter_markers("postgres_only"):
                item.add_marker(pytest.mark.skip(reason=mark.kwargs["reason"]))
    if os.environ.get("SKILLBOX_TEST_DEAL") == "1":
        others = [item for item in items if _is_for_postgres(item) != ON_POSTGRES]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if _is_for_postgres(item) == ON_POSTGRES]


def _is_for_postgres(item: pytest.Item) -> bool:
    """By the test's own name: where it stands, and what is added beside it, moves no test to the other database.

    What has no server, or has nothing to do with its database, runs on SQLite.
    """
    if item.get_closest_marker("postgres_only"):
        return True
    if item.get_closest_marker("by_itself"):
        # Each of these has the whole machine; on a second database they would have it twice.
        return False
    if item.get_closest_marker("once") or "live" not in item.path.parts or HERE not in item.path.parents:
        return False
    return bool(zlib.crc32(item.name.encode()) % 2)


@pytest.fixture(scope="session")
def database_dsn(service: shared.Ask) -> Iterator[str]:
    """Takes the Prefect server on Postgres, and a database beside its own, where they are asked for."""
    if not ON_POSTGRES:
        assert os.environ.get("PREFECT_API_URL"), "`make test` starts the server that these tests need"
        yield ""
        return
    from prefect.context import refresh_global_settings_context

    server: PrefectServer = service("prefect on postgres")
    os.environ["PREFECT_API_URL"] = server.api
    refresh_global_settings_context()
    yield fresh_database(service("postgres"))
    assert server.complaints() == []


@pytest.fixture(scope="session")
def _block_types(database_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Makes the block types known one process after the other: Prefect refuses one of two that do it at once."""
    from prefect_skillbox.config.blocks import SkillboxInstallation

    with (tmp_path_factory.getbasetemp().parent / "block-types.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        SkillboxInstallation.register_type_and_schema()


@pytest.fixture
def stop_when_begun(runner: Runner) -> Callable[[str], None]:
    """Stops the skills of this process, as a signal would, as soon as this one has a container."""
    from prefect_skillbox.execution import cancellation
    from skillbox_core.sandbox.container import LABEL_SKILL
    from tests.prefect_skillbox.seen import eventually

    def stop(name: str) -> None:
        eventually(lambda: runner.installation.engine.containers({LABEL_SKILL: f"{name}@1.0.0"}), bool)
        cancellation._watch.stop()

    return lambda name: threading.Thread(target=stop, args=(name,)).start()


@pytest.fixture(autouse=True)
def _live(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What lies in a folder `live` has a server that knows our blocks, and an installation; all else has no server."""
    if "live" not in request.path.parts:
        from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE, temporary_settings

        # Without an address Prefect would start a server of its own, and `make check` wait for it.
        nowhere = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}
        with temporary_settings(nowhere):
            yield
        return
    request.getfixturevalue("_block_types")
    installation: Settings = request.getfixturevalue("installation")
    monkeypatch.setenv("SKILLBOX_HOME", str(installation.home))
    monkeypatch.setenv("SKILLBOX_INSTANCE", installation.instance)
    monkeypatch.setenv("SKILLBOX_DB_DSN", installation.db_dsn)
    yield
