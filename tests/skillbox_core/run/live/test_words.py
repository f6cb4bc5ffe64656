"""Every word of a run to the database and to the engine, with what it protects. One more is a decision."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from skillbox_core import Runner, RunOptions, RunRequest, Settings, Status, wait_for_removals
from skillbox_core.run import pool
from skillbox_core.skills.archive import open_archive
from tests.services import pools, skills
from tests.services.faults import Proxy, http_proxy

SCRIPT = 'import json; json.dump({"ok": True}, open("/sandbox/out/output.json", "w"))'
KEY = ("SELECT executions", "the run that this key, or an earlier try of this owner, has begun is not begun again")
RUNNABLE = ("SELECT skill_digests", "a skill that nothing can run is refused before there is a record")
VERSION = ("SELECT resolutions", "all tries of a flow run get the version that the first one got")
OPENED = ("INSERT executions", "whoever is killed from here on leaves a record of it")
LAUNCH = (
    "UPDATE executions",
    "what is launched is known before; a run that was closed meanwhile launches nothing",
)
CLOSED = ("UPDATE executions", "the first end stands, and only of the attempt and the try that has the run")
ENGINE = [
    ("GET /images/NAME/json", "the image of this name now, which may be another than a moment ago"),
    ("POST /containers/create", "a container of its own"),
    ("GET /containers/ID/json", "the container is what was asked for, before anything of it runs"),
    ("POST /containers/ID/attach", "input goes by stdin, and no line is lost"),
    ("POST /containers/ID/start", "it starts"),
    ("DELETE /containers/NAME", "it goes, behind the result"),
]


TAKEN = [
    ("DELETE waiting_containers", "whoever deletes its row has the container that waits, and nobody has it again"),
    ("UPDATE executions", "in the same transaction, so that there is none that nobody has"),
]
ENGINE_WHERE_ONE_WAITS = [
    ("GET /images/NAME/json", "only one that was made of the image of this name now will do"),
    ("GET /containers/WAITING/json", "the container is what was made, and nobody has done anything with it"),
    ("POST /containers/ID/attach", "input goes by stdin, and no line is lost"),
    ("DELETE /containers/WAITING", "it goes, behind the result"),
]


@pytest.fixture
def proxied(installation: Settings, tmp_path: Path) -> Iterator[tuple[Runner, Proxy]]:
    """A worker that has run the skill before, and what it says to its engine."""
    with http_proxy(installation.engine_url) as proxy:
        settings = installation.model_copy(update={"home": tmp_path / "home", "docker_host": proxy.address})
        runner = Runner.from_settings(settings)
        skills.push(runner, "speaks", SCRIPT)
        assert runner.run(RunRequest(skill="speaks")).status is Status.SUCCESS
        assert wait_for_removals(30)
        yield runner, proxy
        assert wait_for_removals(30)


@contextmanager
def _heard(runner: Runner) -> Iterator[list[str]]:
    """The statements to the database of an installation, with the transactions around them."""
    said: list[str] = []

    def execute(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        verb = statement.split(maxsplit=1)[0]
        table = re.search(r"(?:FROM|INTO|UPDATE)\s+(\w+)", statement)
        said.append(f"{verb} {table[1] if table else statement}")

    database: Any = runner.installation.executions._database._engine
    listeners = (("before_cursor_execute", execute), ("commit", lambda _: said.append("COMMIT")))
    for name, listener in listeners:
        event.listen(database, name, listener)
    try:
        yield said
    finally:
        for name, listener in listeners:
            event.remove(database, name, listener)


def _calls(proxy: Proxy, since: int) -> list[str]:
    told = []
    for request, _ in proxy.requests[since:]:
        path = re.sub(r"/v[\d.]+", "", request.partition("?")[0])
        path = re.sub(r"/skillbox-[0-9a-f]{32}-\d+", "/NAME", path)
        path = re.sub(r"/skillbox-waiting-[0-9a-f]{32}", "/WAITING", path)
        path = re.sub(r"/[0-9a-f]{64}", "/ID", path)
        told.append(re.sub(r"/images/.*/json", "/images/NAME/json", path))
    return told


def _statements(*words: tuple[str, str]) -> list[str]:
    """Each in a transaction of its own."""
    return [part for statement, _why in words for part in (statement, "COMMIT")]


def test_a_run_says_these_words_and_no_more(proxied: tuple[Runner, Proxy]) -> None:
    runner, proxy = proxied
    since = len(proxy.requests)
    with _heard(runner) as said:
        assert runner.run(RunRequest(skill="speaks")).status is Status.SUCCESS
        assert wait_for_removals(30)
    assert said == _statements(RUNNABLE, OPENED, LAUNCH, CLOSED)
    assert _calls(proxy, since) == [call for call, _why in ENGINE]


def test_a_run_that_takes_a_container_that_waits_says_fewer(installation: Settings, tmp_path: Path) -> None:
    with (
        http_proxy(installation.engine_url) as proxy,
        pools.pooled(installation, tmp_path / "home", docker_host=proxy.address) as runner,
    ):
        skills.push(runner, "speaks", SCRIPT)
        pools.ahead(runner, "speaks")
        since = len(proxy.requests)
        with _heard(runner) as said, pytest.MonkeyPatch.context() as patch:
            # Behind the result, and beside the removal.
            patch.setattr(pool, "follow_up", lambda *_: None)
            assert runner.run(RunRequest(skill="speaks")).status is Status.SUCCESS
            assert wait_for_removals(30)
        taken = [*(statement for statement, _why in TAKEN), "COMMIT"]
        assert said == [*_statements(RUNNABLE, OPENED), *taken, *_statements(CLOSED)]
        assert _calls(proxy, since) == [call for call, _why in ENGINE_WHERE_ONE_WAITS]


def test_a_run_of_a_scheduler_asks_for_its_key_too(proxied: tuple[Runner, Proxy]) -> None:
    runner, _ = proxied
    options = RunOptions(key=uuid.uuid4().hex, owner="flow", owner_attempt=1)
    runner.run(RunRequest(skill="speaks"), options)
    options = options.model_copy(update={"key": uuid.uuid4().hex})
    with _heard(runner) as said:
        assert runner.run(RunRequest(skill="speaks"), options).status is Status.SUCCESS
        assert wait_for_removals(30)
    assert said == _statements(KEY, RUNNABLE, OPENED, LAUNCH, CLOSED), "its version is known from the run before"


def test_a_process_asks_once_which_version_a_flow_run_has(proxied: tuple[Runner, Proxy]) -> None:
    runner, _ = proxied
    ask = ("default", "speaks", "latest", uuid.uuid4().hex)
    assert runner.installation.registry.resolve(*ask) == "1.0.0"
    other = Runner.from_settings(runner.installation.settings)
    other.installation.executions.list("default")  # its schema is looked at
    with _heard(other) as said:
        assert [other.installation.registry.resolve(*ask) for _ in range(3)] == ["1.0.0"] * 3
    assert said == _statements(VERSION)


def test_where_an_update_returns_nothing_the_end_is_read(
    proxied: tuple[Runner, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with SQLite before 3.35."""
    runner, _ = proxied
    database: Any = runner.installation.executions._database._engine
    monkeypatch.setattr(database.dialect, "update_returning", False)
    with _heard(runner) as said:
        assert runner.run(RunRequest(skill="speaks")).output == {"ok": True}
        assert wait_for_removals(30)
    assert said[-3:] == [CLOSED[0], "SELECT executions", "COMMIT"]


def test_a_skill_that_this_process_has_read_is_read_no_more(
    proxied: tuple[Runner, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, _ = proxied
    read: list[Path] = []

    def noted(path: Path, *limits: int) -> Any:
        read.append(path)
        return open_archive(path, *limits)

    # Where it is defined, since the cache imports it only when it reads one.
    monkeypatch.setattr("skillbox_core.skills.archive.open_archive", noted)
    assert runner.run(RunRequest(skill="speaks")).status is Status.SUCCESS
    assert read == []
