"""For whom a container is made ahead: who asks for a kind again soon, and not who comes once."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from skillbox_core import Runner, RunRequest, Settings, Status
from skillbox_core.settings import POOL_PLACES
from skillbox_core.storage.tables import AskedKindRow, now
from skillbox_core.storage.waiting_records import WaitingRecords
from tests.services import pools, skills
from tests.services.commands import Command
from tests.services.pools import record, waiting
from tests.services.settling import settle
from tests.skillbox_core.run.live.conftest import ANSWERS, SLOW


@pytest.fixture
def usual(installation: Settings, tmp_path: Path) -> Iterator[Runner]:
    """A worker of an installation in which nobody has said anything of a pool."""
    with pools.pooled(installation, tmp_path / "home", pool_max=None, pool_min=0) as runner:
        skills.push(runner, "answers", ANSWERS)
        skills.push(runner, "slow", SLOW)
        yield runner


def ran(runner: Runner, skill: str = "answers") -> str | None:
    """The waiting container that a run took, when all is done that comes after it."""
    result = runner.run(RunRequest(skill=skill))
    assert result.status is Status.SUCCESS, result
    settle()
    return record(runner, result.execution_id).claimed


def test_a_container_is_made_ahead_from_the_second_run_on(usual: Runner) -> None:
    assert ran(usual) is None
    assert waiting(usual.installation) == [], "a skill that runs once a day costs nobody a container"
    assert ran(usual) is None
    (name,) = waiting(usual.installation)
    assert ran(usual) == name
    (following,) = waiting(usual.installation)
    assert following != name


def test_it_is_all_the_same_in_which_process_the_first_one_ran(usual: Runner) -> None:
    ran(usual)
    ran(Runner.from_settings(usual.installation.settings))
    assert len(waiting(usual.installation)) == 1


def test_a_run_of_long_ago_does_not_count(usual: Runner) -> None:
    ran(usual)
    idle = timedelta(minutes=10)
    assert usual.installation.settings.pool_idle == "10m"
    with usual.installation.executions.database.session() as session:
        session.execute(update(AskedKindRow).values(asked_at=now() - idle - timedelta(seconds=1)))
    ran(usual)
    assert waiting(usual.installation) == []


def test_many_at_once_are_asked_for_at_once(usual: Runner) -> None:
    threads = [threading.Thread(target=usual.run, args=(RunRequest(skill="slow"),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    settle()
    # One of them was the first; of the others each has made one.
    assert len(waiting(usual.installation)) == min(2, POOL_PLACES)


def test_where_some_of_each_kind_are_asked_for_it_is_from_the_first_run_on(usual: Runner) -> None:
    changes = {"pool_min": 1}
    ran(Runner.from_settings(usual.installation.settings.model_copy(update=changes)))
    assert len(waiting(usual.installation)) == 1


def test_where_the_database_hands_none_out_none_is_made(usual: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WaitingRecords, "takes", False)
    for _ in range(2):
        ran(usual)
    assert waiting(usual.installation) == []


@pytest.fixture
def run_command(
    usual: Runner, cli_environment: dict[str, str], command: Command
) -> Callable[..., subprocess.CompletedProcess[str]]:
    settings = usual.installation.settings
    ours = {"SKILLBOX_HOME": str(settings.home), "SKILLBOX_INSTANCE": settings.instance}
    ours |= {f"SKILLBOX_{name.upper()}": size for name, size in pools.SMALL.items()}
    unset = {name: value for name, value in cli_environment.items() if not name.startswith("SKILLBOX_POOL_")}
    return lambda *arguments, **more: command(*arguments, env={**unset, **ours, **more})


def test_a_command_has_nothing_wait_and_takes_nothing_but_where_somebody_says_so(
    usual: Runner, run_command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    name = pools.ahead(usual, "answers")
    ran_before = {row.id for row in usual.installation.executions.list("default")}
    for _ in range(2):
        assert run_command("run", "answers").returncode == 0
    assert waiting(usual.installation) == [name]
    assert run_command("run", "answers", SKILLBOX_POOL_MAX="1").returncode == 0
    rows = [row for row in usual.installation.executions.list("default") if row.id not in ran_before]
    taken = [record(usual, row.id).claimed for row in rows]
    assert sorted(filter(None, taken)) == [name]
    assert len(taken) == 3


def test_doctor_and_the_list_say_how_many_may_wait_where_nobody_has_said_it(
    usual: Runner, run_command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    told = run_command("pool", "list").stderr
    assert f"0 of {POOL_PLACES} places on {usual.installation.engine.name} (the default of SKILLBOX_POOL_MAX)" in told
