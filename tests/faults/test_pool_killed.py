"""Workers that are killed while they take a waiting container, or make one: nothing runs twice, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from skillbox_core import Runner, RunOptions, RunRequest, RunResult, Settings, Status
from skillbox_core.operations import orphan_rules
from skillbox_core.operations.orphans import cleanup_orphans
from skillbox_core.sandbox.container import LABEL_INSTANCE
from tests.faults.pooling import MAKING, OWNER, TAKING
from tests.services import pools, skills
from tests.services.pools import ahead, record, waiting
from tests.services.settling import containers_left, settle

PROGRAM = Path(__file__).parent / "pooling.py"
ONCE = """
import json, time, uuid
name = uuid.uuid4().hex
print("begun", name, flush=True)
time.sleep(0.5)
json.dump(name, open("/sandbox/out/output.json", "w"))
"""


@pytest.fixture(scope="module")
def worker(installation: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with pools.pooled(installation, tmp_path_factory.mktemp("killed")) as runner:
        skills.push(runner, "once", ONCE)
        yield runner


def _process(worker: Runner, point: str, key: str) -> subprocess.Popen[str]:
    settings = worker.installation.settings
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "SKILLBOX_HOME": str(settings.home),
        "SKILLBOX_INSTANCE": settings.instance,
        "SKILLBOX_POOL_MAX": str(settings.pool_max),
        "SKILLBOX_POOL_MIN": str(settings.pool_min),
        **{f"SKILLBOX_{name.upper()}": value for name, value in pools.SMALL.items()},
    }
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), point, key], env=environment, stdout=subprocess.PIPE, text=True
    )


def _killed(worker: Runner, point: str, key: str) -> str:
    """What a worker said that was killed."""
    process = _process(worker, point, key)
    told, _ = process.communicate(timeout=90)
    assert process.returncode == -signal.SIGKILL, told
    return told


def _names(worker: Runner) -> set[str]:
    labels = {LABEL_INSTANCE: worker.installation.settings.instance}
    return {
        name.lstrip("/") for found in containers_left(worker.installation.engine, labels) for name in found["Names"]
    }


@pytest.mark.parametrize("point", TAKING)
def test_who_is_killed_while_it_takes_one_is_replaced_by_one_that_runs_the_skill_once(
    worker: Runner, point: str
) -> None:
    name, key = ahead(worker, "once"), uuid.uuid4().hex
    assert _killed(worker, point, key) == ""
    assert waiting(worker.installation) == []
    started = point == "the hand-over"
    (row,) = worker.installation.executions.running(worker.installation.settings.instance)
    assert row.claimed == name
    result = worker.run(RunRequest(skill="once"), RunOptions(key=key, owner=OWNER))
    assert (result.execution_id, result.status, result.logs) == (row.id, Status.SUCCESS, f"begun {result.output}\n")
    row = record(worker, result.execution_id)
    # An end of its input is an end of one that waits; who comes then may find it running, or gone.
    assert row.attempt in ((1,) if started else (1, 2))
    assert row.claimed == (name if started else None)
    assert _names(worker) == set(waiting(worker.installation))


@pytest.mark.parametrize("point", ["the claim", "the hand-over"])
def test_what_nobody_comes_back_for_is_left_to_those_who_may_and_goes_when_its_owner_is_over(
    worker: Runner, point: str
) -> None:
    name = ahead(worker, "once")
    _killed(worker, point, uuid.uuid4().hex)
    (row,) = worker.installation.executions.running(worker.installation.settings.instance)
    assert cleanup_orphans(worker.installation) == [], "somebody may come back"
    done = cleanup_orphans(worker.installation, ended_owners=lambda _: {OWNER: Status.CANCELLED})
    assert {(one.kind, one.name, one.execution_id, one.done) for one in done} == {
        ("record", row.id, row.id, True),
        ("container", name, row.id, True),
    }
    assert record(worker, row.id).status == Status.CANCELLED
    assert _names(worker) == set()


@pytest.mark.parametrize("point", MAKING)
def test_who_is_killed_while_it_makes_the_next_one_has_its_result_and_leaves_nothing_for_long(
    worker: Runner, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ahead(worker, "once")
    told = _killed(worker, point, uuid.uuid4().hex)
    (row,) = worker.installation.executions.list("default", limit=1)
    assert (row.claimed, row.status) == (name, Status.SUCCESS)
    assert RunResult.model_validate_json(told).status is Status.SUCCESS
    ready = waiting(worker.installation)
    assert len(ready) == (1 if point == "the note that it waits" else 0)
    (left,) = worker.installation.waiting.listed(row.instance, worker.installation.engine.name)
    assert _names(worker) - {name} == (set() if point == "the row" else {left.name})
    # The one whose run is over may or may not be gone by then; of the other nobody can say that nobody makes it.
    monkeypatch.setattr(orphan_rules, "REMOVAL", 0.0)
    assert {one.name for one in cleanup_orphans(worker.installation)} <= {name}
    # Nobody takes what was not noted as waiting, and a run goes on without it.
    result = worker.run(RunRequest(skill="once"))
    assert result.status is Status.SUCCESS
    assert record(worker, result.execution_id).claimed == (left.name if ready else None)
    settle()
    for one in waiting(worker.installation):
        assert worker.installation.give_up_waiting(one)
    if not ready:
        pools.end_time(worker, left.name)
        assert [(one.kind, one.name, one.done) for one in cleanup_orphans(worker.installation)] == [
            ("waiting", left.name, True)
        ]
    assert worker.installation.waiting.listed(row.instance, worker.installation.engine.name) == []
    assert _names(worker) == set()


def test_two_processes_with_one_key_have_one_effect(worker: Runner) -> None:
    pools.drain(worker.installation)
    key = uuid.uuid4().hex
    for _ in range(2):
        pools.more(worker, "once")
    processes = [_process(worker, "nothing", key) for _ in range(2)]
    told = [process.communicate(timeout=90)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    first, second = (RunResult.model_validate_json(text) for text in told)
    assert (first.status, first.execution_id) == (Status.SUCCESS, second.execution_id)
    assert (first.output, first.logs) == (second.output, f"begun {first.output}\n")
    assert _names(worker) == set(waiting(worker.installation))


def test_two_processes_with_two_keys_take_two(worker: Runner) -> None:
    pools.drain(worker.installation)
    for _ in range(2):
        pools.more(worker, "once")
    before = set(waiting(worker.installation))
    processes = [_process(worker, "nothing", uuid.uuid4().hex) for _ in range(2)]
    results = [RunResult.model_validate_json(process.communicate(timeout=90)[0]) for process in processes]
    claimed = {record(worker, result.execution_id).claimed for result in results}
    assert [result.status for result in results] == [Status.SUCCESS] * 2
    # Which of them was first, and whether the other then found the one that was made after it, is a matter of time.
    assert len(claimed) == 2
    assert claimed & before
    assert _names(worker) == set(waiting(worker.installation))


@pytest.mark.parametrize(("way", "runs"), [("ends", 1), ("forks", 3), ("child", 1)])
def test_a_process_that_ends_behind_its_result_leaves_nothing_but_what_waits(
    worker: Runner, way: str, runs: int
) -> None:
    name = ahead(worker, "once")
    process = _process(worker, way, uuid.uuid4().hex)
    told, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    results = [RunResult.model_validate_json(line) for line in told.splitlines()]
    assert [result.status for result in results] == [Status.SUCCESS] * runs
    claimed = [record(worker, result.execution_id).claimed for result in results]
    assert claimed[0] == name
    taken = [one for one in claimed if one]
    assert len(taken) == len(set(taken)), "two had one container"
    # What was being made at the end is nobody's for a while, and nobody's for ever.
    settings, engine = worker.installation.settings, worker.installation.engine
    rows = {row.name for row in worker.installation.waiting.listed(settings.instance, engine.name)}
    assert _names(worker) <= rows
    assert rows.isdisjoint(taken)
