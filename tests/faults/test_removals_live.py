"""Between a result and the removal of its container: whatever happens there, nothing is left and nothing runs twice."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import CancelToken, Runner, RunOptions, RunResult, Settings, Status, wait_for_removals
from skillbox_core.operations import orphan_rules
from skillbox_core.operations.orphans import cleanup_orphans
from skillbox_core.sandbox import container
from skillbox_core.sandbox.container import LABEL_EXECUTION, LABEL_NAME
from tests.faults.removing import KEY
from tests.faults.world import World, local_worker, push, request, worker_environment
from tests.services import pools
from tests.services.faults import Fault
from tests.services.settling import containers_left

PROGRAM = Path(__file__).parent / "removing.py"


@pytest.fixture
def local(installation: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Runner]:
    """A worker whose home other processes can share; its containers wait where a test asks for that."""
    with local_worker(installation, tmp_path / "home", waits=getattr(request, "param", "") == WAITS) as runner:
        yield runner


MADE, WAITS = "made for it", "had waited"
both_ways = pytest.mark.parametrize("local", [MADE, WAITS], indirect=True)


class Held:
    """Removals that wait until they are let go; `begun` counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.begun, inner = threading.Event(), threading.Semaphore(0), container.remove

        def held(*arguments: Any) -> None:
            self.begun.release()
            assert self.go.wait(30)
            inner(*arguments)

        monkeypatch.setattr(container, "remove", held)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


def _containers(runner: Runner, result: RunResult) -> int:
    claimed = pools.record(runner, result.execution_id).claimed
    label = {LABEL_NAME: claimed} if claimed else {LABEL_EXECUTION: result.execution_id}
    return len(runner.installation.engine.containers(label))


def _program(runner: Runner, way: str) -> tuple[int, list[RunResult]]:
    environment = worker_environment(runner.installation.settings)
    ended = subprocess.run([sys.executable, str(PROGRAM), way], env=environment, stdout=subprocess.PIPE, timeout=90)
    return ended.returncode, [RunResult.model_validate_json(line) for line in ended.stdout.splitlines()]


def test_the_result_is_there_and_recorded_before_its_container_is_gone(local: Runner, held: Held) -> None:
    result = local.run(request())
    assert result.status is Status.SUCCESS
    assert local.installation.executions.result("default", result.execution_id).status is Status.SUCCESS
    assert (_containers(local, result), list(local.installation.spool.glob("*"))) == (1, [])
    # It is about to go, by the hand of whoever closed its record: nobody's orphan.
    assert cleanup_orphans(local.installation) == []
    assert not wait_for_removals(0.01)
    held.go.set()
    assert wait_for_removals(30)
    assert _containers(local, result) == 0


def test_a_place_is_held_until_the_container_is_gone(installation: Settings, tmp_path: Path, held: Held) -> None:
    one = installation.model_copy(update={"home": tmp_path / "home", "max_concurrent_execs": 1})
    runner = Runner.from_settings(one)
    push(runner)
    first = runner.run(request())
    second: list[RunResult] = []
    waiting = threading.Thread(target=lambda: second.append(runner.run(request())))
    waiting.start()
    assert held.begun.acquire(timeout=30)
    while not runner.installation.admission._waiting:
        time.sleep(0.01)
    assert _containers(runner, first) == 1
    held.go.set()
    waiting.join(60)
    assert [result.status for result in second] == [Status.SUCCESS]


@pytest.mark.parametrize("end", ["cancelled", "interrupted", "timed out"])
def test_what_may_still_run_is_gone_before_the_caller_goes_on(
    local: Runner, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    token, threads, inner = CancelToken(), [], container.remove

    def noted(*arguments: Any) -> None:
        threads.append(threading.current_thread())
        inner(*arguments)

    def hear(_stream: str, _line: str) -> None:
        if end == "cancelled":
            token.cancel()
        elif end == "interrupted":
            raise KeyboardInterrupt

    monkeypatch.setattr(container, "remove", noted)
    options = RunOptions(timeout="1s") if end == "timed out" else RunOptions()
    if end == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            local.run(request(60), options, on_log=hear, cancel=token)
    else:
        assert not local.run(request(60), options, on_log=hear, cancel=token).ok
    assert threads == [threading.current_thread()]
    (row,) = local.installation.executions.list("default")
    assert local.installation.engine.containers({LABEL_EXECUTION: row.id}) == []


@both_ways
def test_a_worker_killed_between_result_and_removal_leaves_it_to_the_reconciler(
    local: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, (result,) = _program(local, "killed")
    assert (code, result.status, _containers(local, result)) == (-9, Status.SUCCESS, 1)
    # For a moment it could be one that its worker is about to remove.
    assert cleanup_orphans(local.installation) == []
    monkeypatch.setattr(orphan_rules, "REMOVAL", 0.0)
    (orphan,) = cleanup_orphans(local.installation)
    assert (orphan.kind, orphan.execution_id, orphan.done) == ("container", result.execution_id, True)
    assert _containers(local, result) == 0


@both_ways
def test_the_same_key_removes_what_a_worker_left_that_was_killed_before_the_removal(local: Runner) -> None:
    code, (result,) = _program(local, "killed")
    assert (code, _containers(local, result)) == (-9, 1)
    again = local.run(request(), RunOptions(key=KEY))
    assert (again.execution_id, again.status) == (result.execution_id, Status.SUCCESS)
    assert _containers(local, result) == 0


@both_ways
@pytest.mark.parametrize("way", ["ends", "child", "forks"])
def test_a_process_that_ends_behind_its_result_leaves_nothing(local: Runner, way: str) -> None:
    code, results = _program(local, way)
    assert [code, *(result.status for result in results)] == [0] + [Status.SUCCESS] * (2 if way == "forks" else 1)
    assert [_containers(local, result) for result in results] == [0] * len(results)


def test_the_same_key_does_not_wait_for_a_removal_and_takes_nothing_away_from_it(local: Runner, held: Held) -> None:
    options = RunOptions(key="same")
    first = local.run(request(), options)
    assert held.begun.acquire(timeout=30)
    held.go.set()
    again = local.run(request(), options)
    assert again == first
    assert wait_for_removals(30)
    assert _containers(local, first) == 0


@pytest.mark.parametrize("times", [1, 999], ids=["passes", "lasts"])
@pytest.mark.parametrize("fault", [Fault.DROP, Fault.LOST_REPLY, Fault.ERROR, Fault.STALL])
def test_an_engine_that_fails_at_the_removal_keeps_no_place_and_no_caller_waiting(
    world: World, fault: Fault, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    world.engine.inject(fault, r"DELETE .*/containers/", times=times)
    runner = world.runner()
    result = runner.run(request())
    assert result.status is Status.SUCCESS
    assert wait_for_removals(30)
    assert runner.installation.admission._inside == set()
    world.engine.clear()
    left = _containers(world.outside, result)
    given_up = f"the container of execution {result.execution_id} is left for cleanup"
    warned = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert any(given_up in message for message in warned) is (times > 1)
    # Of an answer that was lost the engine has done what it was asked to.
    assert left == (1 if times > 1 and fault is not Fault.LOST_REPLY else 0)
    for found in world.outside.installation.engine.containers({LABEL_EXECUTION: result.execution_id}):
        world.outside.installation.engine.remove(found["Id"])
    world.assert_right(result)


def test_many_at_once_leave_nothing_and_are_removed_by_few_threads(installation: Settings, tmp_path: Path) -> None:
    settings = installation.model_copy(update={"home": tmp_path / "home", "max_concurrent_execs": 8})
    runner, most, done = Runner.from_settings(settings), [0], threading.Event()
    push(runner)
    results: list[RunResult] = []

    def count() -> None:
        while not done.wait(0.02):
            names = [thread.name for thread in threading.enumerate()]
            most[0] = max(most[0], names.count("skillbox-after-run"))

    counter = threading.Thread(target=count)
    counter.start()
    threads = [threading.Thread(target=lambda: results.append(runner.run(request()))) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    done.set()
    counter.join()
    assert [result.status for result in results] == [Status.SUCCESS] * 24
    assert 1 <= most[0] <= 4
    for result in results:
        assert containers_left(runner.installation.engine, {LABEL_EXECUTION: result.execution_id}) == []
    assert runner.installation.admission._inside == set()
