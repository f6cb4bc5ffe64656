"""Workers that are frozen, that do the same thing twice, and that are many."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import CancelToken, Reason, Runner, RunOptions, RunResult, Settings, Status, wait_for_removals
from skillbox_core.errors import RunCancelledError
from skillbox_core.operations import orphans
from skillbox_core.operations.orphans import cleanup_orphans
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox.admission import Admission
from skillbox_core.sandbox.container import LABEL_NAME
from tests.faults.world import LINES, World, local_worker, push, request, sandbox_of, worker_environment
from tests.services import pools
from tests.services.faults import Fault
from tests.services.settling import containers_left

WORKER = Path(__file__).parent / "worker.py"


def _worker(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WORKER), *arguments], env=worker_environment(settings), stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def local(installation: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Runner]:
    """A worker whose homes other processes can share; its containers wait where a test asks for that."""
    with local_worker(installation, tmp_path / "home", waits=getattr(request, "param", "") == WAITS) as runner:
        yield runner


MADE, WAITS = "made for it", "had waited"
both_ways = pytest.mark.parametrize("local", [MADE, WAITS], indirect=True)
"""In a container that is made for the run, and in one that had waited."""


def _assert_nothing_is_left(local: Runner, execution_id: str) -> None:
    """The execution has no container any more, of whatever kind."""
    engine = local.installation.engine
    assert containers_left(engine, {"skillbox.execution": execution_id}) == []
    if name := pools.record(local, execution_id).claimed:
        assert containers_left(engine, {LABEL_NAME: name}) == []


def _frozen(local: Runner) -> subprocess.Popen[str]:
    """A worker that is stopped while its skill runs."""
    worker = _worker(local.installation.settings, "run", "2", "frozen")
    assert worker.stdout
    assert worker.stdout.readline() == "begun\n"
    worker.send_signal(signal.SIGSTOP)
    return worker


def _woken(worker: subprocess.Popen[str]) -> RunResult:
    worker.send_signal(signal.SIGCONT)
    told, _ = worker.communicate(timeout=60)
    return RunResult.model_validate(json.loads(told.splitlines()[-1]))


@both_ways
def test_a_frozen_worker_that_wakes_up_too_late_changes_nothing(local: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = _frozen(local)
    # The deadline is over, and nobody waits any more.
    monkeypatch.setattr(orphans, "GRACE", -3600.0)
    while cleanup_orphans(local.installation):
        pass
    row = local.installation.executions.get("default", local.installation.executions.list("default")[0].id)
    assert (row.status, row.reason) == (Status.FAILED, Reason.INFRASTRUCTURE)
    result = _woken(worker)
    assert (result.status, result.error) == (Status.FAILED, row.error)
    assert local.installation.executions.get("default", row.id) == row
    _assert_nothing_is_left(local, row.id)
    assert list(local.installation.spool.glob("*")) == []


@both_ways
def test_a_frozen_worker_that_was_replaced_changes_nothing(local: Runner) -> None:
    worker = _frozen(local)
    options = RunOptions(key="frozen")
    (row,) = local.installation.executions.list("default")
    assert local.installation.engine.remove(sandbox_of(local, row.id))
    second = local.run(request(2.0), options)
    assert (second.execution_id, second.status) == (row.id, Status.SUCCESS)
    assert local.installation.executions.get("default", row.id).attempt == 2
    before = local.installation.executions.get("default", row.id)
    result = _woken(worker)
    assert (result.status, result.output) == (Status.SUCCESS, {"ok": True})
    assert local.installation.executions.get("default", row.id) == before


@both_ways
@pytest.mark.parametrize("lines", ["0", "1", "90", "end"])
def test_a_worker_killed_while_its_output_comes_is_replaced_by_one_that_reads_the_sandbox(
    local: Runner, lines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = _worker(local.installation.settings, "dies", lines, "killed")
    told, _ = worker.communicate(timeout=60)
    assert (worker.returncode, told) == (-signal.SIGKILL, "begun\ndone\n")
    asked: list[str] = []
    execute = local.installation.engine.execute
    monkeypatch.setattr(
        local.installation.engine,
        "execute",
        lambda name, *rest, **more: asked.append(name) or execute(name, *rest, **more),
    )
    heard: list[str] = []
    options = RunOptions(key="killed")
    result = local.run(request(0.5), options, on_log=lambda _, line: heard.append(line))
    assert (result.status, result.output, result.files_list) == (Status.SUCCESS, {"ok": True}, ("data",))
    assert sorted(heard) == sorted(result.logs.splitlines()) == LINES
    assert len(asked) == 1
    assert local.installation.executions.get("default", result.execution_id).attempt == 1
    _assert_nothing_is_left(local, result.execution_id)


@both_ways
@pytest.mark.parametrize("end", ["cancelled", "failed", "interrupted"])
def test_a_worker_that_was_given_up_harms_nothing_of_the_try_that_took_over(local: Runner, end: str) -> None:
    """Both run the same attempt in the same container; the first one ends while the second follows it."""
    begun, followed, first_is_done = threading.Event(), threading.Event(), threading.Event()
    token, results = CancelToken(), []

    def first_hears(_stream: str, _line: str) -> None:
        begun.set()
        assert followed.wait(30)
        if end == "cancelled":
            token.cancel()
        elif end == "failed":
            raise ValueError("of the first worker's own making")
        else:
            raise SystemExit

    def first() -> None:
        options = RunOptions(key="first try", owner="flow", owner_attempt=1)
        with suppress(SystemExit):
            results.append(local.run(request(3.0), options, on_log=first_hears, cancel=token))
        first_is_done.set()

    def second_hears(_stream: str, _line: str) -> None:
        followed.set()
        assert first_is_done.wait(30)

    threading.Thread(target=first).start()
    assert begun.wait(30)
    options = RunOptions(key="second try", owner="flow", owner_attempt=2)
    second = Runner.from_settings(local.installation.settings).run(request(3.0), options, on_log=second_hears)
    assert (second.status, second.output) == (Status.SUCCESS, {"ok": True}), second
    assert local.installation.executions.get("default", second.execution_id).attempt == 1
    assert [(result.execution_id, result.status) for result in results] == (
        [] if end == "interrupted" else [(second.execution_id, Status.RUNNING)]
    )
    _assert_nothing_is_left(local, second.execution_id)
    assert list(local.installation.spool.glob("*")) == []


def test_who_comes_while_the_container_is_being_made_begins_no_other_attempt(
    local: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine knows a container only some time after it was asked for it; who finds none takes it for lost."""
    asked, go_on = threading.Event(), threading.Event()
    engine, options, results = local.installation.engine, RunOptions(key="same"), list[RunResult]()
    create = engine.create

    def slowly(name: str, config: dict[str, Any]) -> str:
        asked.set()
        assert go_on.wait(30)
        return create(name, config)

    monkeypatch.setattr(engine, "create", slowly)
    first = threading.Thread(target=lambda: results.append(local.run(request(), options)))
    first.start()
    assert asked.wait(30)
    second = Runner.from_settings(local.installation.settings)
    results.append(second.run(request(), options))
    assert wait_for_removals(30)
    go_on.set()
    first.join(60)
    assert wait_for_removals(30)
    assert [result.status for result in results] == [Status.SUCCESS, Status.SUCCESS]
    (row,) = local.installation.executions.list("default")
    assert row.attempt == 1
    assert local.installation.engine.containers({"skillbox.execution": row.id}) == []


def test_a_worker_that_was_given_up_while_it_waited_starts_nothing(local: Runner) -> None:
    steps, options = Steps(local.installation), RunOptions(key="first try", owner="flow", owner_attempt=1)
    given_up = steps.create_record(request(), options)
    second = local.run(request(), RunOptions(key="second try", owner="flow", owner_attempt=2))
    assert (second.execution_id, second.status) == (given_up.id, Status.SUCCESS)
    skill = steps.load_skill(given_up, options)
    with pytest.raises(RunCancelledError):
        steps.create_container(given_up, skill, request(), options)
    assert local.installation.executions.next_attempt(given_up).key == given_up.key


def _run_twice(world: World, tmp_path: Path, apart: float) -> None:
    """Two workers do the same execution, so many seconds apart; it is one, and right."""
    options = RunOptions(key=uuid.uuid4().hex)
    # Two machines: each has a home of its own.
    workers = [
        Runner.from_settings(world.settings.model_copy(update={"home": tmp_path / name})) for name in ("one", "two")
    ]
    results: list[RunResult] = []

    def run(runner: Runner) -> None:
        results.append(runner.run(request(0.6), options))

    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
    threads[0].start()
    time.sleep(apart)
    threads[1].start()
    for thread in threads:
        thread.join(60)
    first, second = results
    assert first == second.model_copy(update={"files_url": first.files_url})
    assert first.status is Status.SUCCESS, (first.reason, first.error, first.logs)
    world.assert_right(first)
    for worker in workers:
        assert list(worker.installation.spool.glob("*")) == []


@pytest.mark.parametrize("apart", [0.0, 0.4, 0.9], ids="{} s apart".format)
def test_two_workers_at_once_have_one_effect(world: World, tmp_path: Path, apart: float) -> None:
    _run_twice(world, tmp_path, apart)


def test_a_container_that_its_maker_is_slow_to_start_is_not_taken_away(world: World, tmp_path: Path) -> None:
    world.engine.inject(Fault.DELAY, r"POST .*/containers/[^/]*/start", times=9, seconds=0.6)
    _run_twice(world, tmp_path, 0.0)
    assert sum("/start" in text and "/exec/" not in text for text, _ in world.engine.requests) == 1


def test_a_thousand_queued_at_once_are_admitted_in_their_order() -> None:
    admission = Admission(1)
    order: list[int] = []
    admission.enter("first", None)

    def run(number: int) -> None:
        admission.enter(str(number), None)
        order.append(number)
        admission.leave(str(number))

    threads = []
    for number in range(1000):
        threads.append(threading.Thread(target=run, args=(number,)))
        threads[-1].start()
        while len(admission._waiting) <= number:
            time.sleep(0.0005)
    assert order == []
    admission.leave("first")
    for thread in threads:
        thread.join(60)
    assert order == list(range(1000))


def test_who_waits_for_admission_hears_of_a_cancellation() -> None:
    admission, token, heard = Admission(1), CancelToken(), threading.Event()
    admission.enter("first", None)

    def wait() -> None:
        with pytest.raises(RunCancelledError):
            admission.enter("second", token)
        heard.set()

    threading.Thread(target=wait).start()
    token.cancel()
    assert heard.wait(2.0)
    admission.leave("first")
    admission.enter("third", None)


def test_waiting_for_admission_does_not_count_against_the_timeout(installation: Settings, tmp_path: Path) -> None:
    settings = installation.model_copy(update={"home": tmp_path / "home", "max_concurrent_execs": 1})
    runner = Runner.from_settings(settings)
    push(runner)
    results: list[RunResult] = []

    def run() -> None:
        results.append(runner.run(request(1.5), RunOptions(timeout="2500ms")))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.status for result in results] == [Status.SUCCESS] * 3, results


def test_many_at_once_get_by_with_few_files(local: Runner) -> None:
    worker = _worker(local.installation.settings, "many", "24")
    told, _ = worker.communicate(timeout=120)
    assert json.loads(told) == {"success": 24}
    assert list(local.installation.spool.glob("*")) == []
