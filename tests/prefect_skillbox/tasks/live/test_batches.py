"""A skill over many inputs in few task runs: order, failures, tries again, and when inputs are read."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun
from prefect.exceptions import CancelledRun, MissingContextError
from prefect.futures import as_completed
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner

from prefect_skillbox import skill
from prefect_skillbox.config.installation import installation_for, installation_settings
from prefect_skillbox.execution import cancellation
from skillbox_core import BatchFailedError, ExecutionFailedError, Reason, Runner, RunResult, Settings, Status
from skillbox_core.errors import DatabaseError
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen
from tests.prefect_skillbox.batches import ECHO, outputs, records, threads
from tests.services import pools, skills
from tests.services.settling import settle


def _read_task_runs(run_id: UUID) -> list[TaskRun]:
    with get_client(sync_client=True) as client:
        return client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))


def test_results_come_in_the_order_of_the_inputs_from_one_task_run_for_each_part(
    runner: Runner, make_skill: MakeSkill
) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=threads())
    def many() -> list[Any]:
        batch = skill(name).batch((10 * n for n in range(7)), size=3)
        given = outputs(batch.result())
        assert batch.state.is_completed()
        assert outputs(batch.state.result()) == given
        return given

    state = many(return_state=True)
    assert state.result() == [10 * n for n in range(7)]
    assert records(runner, name) == ["success"] * 7
    runs = seen.eventually(lambda: _read_task_runs(seen.run_id(state)), lambda found: len(found) == 3)
    assert sorted(run.name for run in runs) == [f"{name}[0-2]", f"{name}[3-5]", f"{name}[6]"]


def test_a_failure_in_the_middle_fails_its_task_run_when_all_inputs_have_ended(
    runner: Runner, make_skill: MakeSkill
) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=threads())
    def many() -> None:
        batch = skill(name).batch([0, 1, 2, 3, 4, 5], size=3)
        with pytest.raises(BatchFailedError) as raised:
            batch.result()
        error = raised.value
        assert error.message == "1 of 6 inputs failed: input 3: the skill ended with exit code 7"
        assert [result.output for result in error.results] == [0, 1, 2, None, 4, 5]
        assert list(error.failed) == [3]
        assert error.failed[3].reason is Reason.EXIT
        assert batch.state.is_failed()
        in_place = batch.result(raise_on_failure=False)
        assert [type(one) is ExecutionFailedError for one in in_place] == [n == 3 for n in range(6)]
        assert in_place[3].result.logs == "line of 3\n"

    many()
    assert records(runner, name) == ["failed"] + ["success"] * 5


def test_with_raise_on_failure_off_the_results_hold_the_failures(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=threads())
    def many() -> list[RunResult]:
        return skill(name, raise_on_failure=False).batch([2, 3, float("nan"), 4], size=2).result()

    state = many(return_state=True)
    good, failed, refused, other = state.result()
    assert [result.status for result in (good, failed, refused, other)] == ["success", "failed", "failed", "success"]
    assert (failed.reason, failed.usage.exit_code, len(failed.execution_id)) == (Reason.EXIT, 7, 32)
    assert (refused.reason, refused.execution_id) == (Reason.INPUT, "")
    assert refused.error.startswith("the input is not JSON: ")
    assert records(runner, name) == ["failed", "success", "success"]
    ends = seen.eventually(
        lambda: [run.state_name for run in _read_task_runs(seen.run_id(state))], lambda found: "Running" not in found
    )
    assert ends == ["Completed"] * 2


def test_an_input_that_is_no_json_is_named_by_its_index_and_costs_itself(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=threads())
    def many() -> None:
        skill(name).batch([0, 1, {"a": {1, 2}}, 4], size=100).result()

    with pytest.raises(BatchFailedError, match=r"1 of 4 inputs failed: input 2: the input is not JSON: a: "):
        many()
    assert records(runner, name) == ["success"] * 3


def test_what_keeps_every_input_from_being_asked_fails_the_task_run_either_way() -> None:
    @flow(task_runner=threads())
    def many() -> None:
        skill("no-such-skill", raise_on_failure=False).batch([1, 2]).result()

    with pytest.raises(BatchFailedError, match=r"2 of 2 inputs failed: input 0: .*no-such-skill"):
        many()


ONCE_FAILING = """
import json, pathlib
n = json.load(open("/sandbox/input.json"))
print("begun", n)
if n == 1: raise SystemExit(9)
json.dump(n, open("/sandbox/out/output.json", "w"))
"""


def test_a_try_of_the_task_run_again_runs_only_what_has_not_succeeded(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill(ONCE_FAILING)

    @flow(task_runner=threads())
    def many() -> None:
        skill(name, retries=2, retry_delay_seconds=0).batch([0, 1, 2]).result()

    with pytest.raises(BatchFailedError, match="1 of 3 inputs failed: input 1"):
        many()
    # Three tries of the one that fails, one of each other.
    assert records(runner, name) == ["failed"] * 3 + ["success"] * 2


def test_a_task_run_that_broke_off_goes_on_with_what_was_done(
    runner: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_skill(ECHO)
    parts = installation_for(installation_settings())
    opened, inner = [], parts.executions.open

    def open_once(new: Any, resolve: Any) -> Any:
        opened.append(json.loads(new.input))
        if new.input == "2" and opened.count(2) <= 4:
            raise DatabaseError("away for a moment")
        return inner(new, resolve)

    monkeypatch.setattr(parts.executions, "open", open_once)
    monkeypatch.setattr("skillbox_core.base.retry.FIRST_DELAY", 0.01)

    @flow(task_runner=threads())
    def many() -> list[Any]:
        batch = skill(name, retries=1, retry_delay_seconds=0, raise_on_failure=False).batch([0, 1, 2, 3])
        return [(result.output, result.status) for result in batch.result()]

    # Input 3 has failed in the first try, and fails again as a new execution.
    assert many() == [(0, "success"), (1, "success"), (2, "success"), (None, "failed")]
    assert records(runner, name) == ["failed"] * 2 + ["success"] * 3


def test_inputs_are_read_as_task_runs_end(make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch) -> None:
    name, read, ended = make_skill(ECHO), [], threading.Semaphore(0)
    monkeypatch.setenv("SKILLBOX_MAX_CONCURRENT_EXECS", "2")
    most = []

    def inputs() -> Iterator[int]:
        for n in range(10, 22):
            read.append(n)
            yield n

    @flow(task_runner=threads())
    def many() -> list[Any]:
        def noted(_task: Any, _run: Any, _state: Any) -> None:
            most.append(len(read))
            ended.release()

        batch = skill(name, on_completion=[noted]).batch(inputs(), size=2)
        assert ended.acquire(timeout=60)
        return outputs(batch.result())

    assert many() == list(range(10, 22))
    # One part is run and one lies ready: when the first task run ends, the third part has not been read.
    assert most[0] == 4
    assert all(later <= 4 + 2 * number for number, later in enumerate(most, 1))
    assert len(most) == 6


def test_what_reading_raises_is_raised_when_what_was_read_has_ended(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill(ECHO)

    def inputs() -> Iterator[int]:
        yield from (0, 1)
        raise LookupError("no more rows")

    @flow(task_runner=threads())
    def many() -> None:
        batch = skill(name).batch(inputs(), size=1)
        with pytest.raises(LookupError, match="no more rows"):
            batch.result()
        assert batch.state.is_failed()

    many()
    assert records(runner, name) == ["success"] * 2


def test_it_is_a_future_of_prefects(make_skill: MakeSkill) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=threads())
    def many() -> Any:
        echo, called = skill(name), threading.Event()
        batch = echo.batch([1, 2])
        batch.add_done_callback(lambda done: called.set() if done is batch else None)
        with pytest.raises(TimeoutError, match="not all ended within 0"):
            batch.result(timeout=0)
        batch.wait(timeout=0)
        assert not batch.state.is_final()
        assert [outputs(one.result()) for one in as_completed([batch])] == [[1, 2]]
        assert called.wait(10)
        late = threading.Event()
        batch.add_done_callback(lambda _done: late.set())
        assert late.is_set()
        state = echo.batch([3, 4], return_state=True)
        assert (state.is_failed(), type(state.result(raise_on_failure=False))) == (True, BatchFailedError)
        assert echo(5, wait_for=[batch]).output == 5
        assert outputs(echo.batch([6], wait_for=[batch]).result()) == [6]
        assert echo.batch([]).result() == []
        return batch

    assert outputs(many()) == [1, 2]


def test_in_an_async_flow_it_leaves_the_loop_alone(make_skill: MakeSkill) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=threads())
    async def many() -> list[Any]:
        batches = [skill(name).batch([n, n + 1], size=1) for n in (10, 20)]
        return [outputs(found) for found in await asyncio.gather(*(asyncio.to_thread(b.result) for b in batches))]

    assert asyncio.run(many()) == [[10, 11], [20, 21]]


def dask() -> TaskRunner[Any]:
    from prefect_dask import DaskTaskRunner

    return DaskTaskRunner(cluster_kwargs={"n_workers": 1, "threads_per_worker": 2, "processes": False,
                                          "dashboard_address": None})  # fmt: skip


RUNNERS: dict[str, Callable[[], TaskRunner[Any]]] = {
    "processes": lambda: ProcessPoolTaskRunner(max_workers=2),
    "dask": dask,
}


@pytest.mark.parametrize("kind", RUNNERS)
def test_on_task_runners_of_other_processes(runner: Runner, make_skill: MakeSkill, kind: str) -> None:
    name, several = make_skill(ECHO), [{"n": n} for n in range(5)]

    @flow(task_runner=RUNNERS[kind]())
    def many() -> None:
        echo = skill(name)
        batch = echo.batch(iter(several), size=2)
        again, mapped = echo.batch(batch, size=3), echo.map(batch)
        one = echo.submit({"all": batch}, wait_for=[batch])
        assert outputs(batch.result()) == outputs(again.result()) == outputs(mapped.result()) == several
        assert one.result().output == {"all": several}
        with pytest.raises(BatchFailedError) as raised:
            echo.batch([1, 2, 3, 4], size=2).result()
        assert outputs(raised.value.results) == [1, 2, None, 4]

    many()
    assert records(runner, name) == ["failed"] + ["success"] * 19


def test_outside_a_flow_there_is_nobody_to_run_it() -> None:
    with pytest.raises(MissingContextError, match="no flow around it"):
        skill("word-count").batch([1])


def test_a_skill_over_its_time_is_the_failure_of_its_input(make_skill: MakeSkill) -> None:
    name = make_skill("import json, time\nn = json.load(open('/sandbox/input.json'))\nif n: time.sleep(60)\n"
                      "json.dump(n, open('/sandbox/out/output.json', 'w'))")  # fmt: skip

    @flow(task_runner=threads())
    def many() -> list[str]:
        batch = skill(name, timeout="1s", raise_on_failure=False).batch([0, 1])
        return [result.status.value for result in batch.result()]

    assert many() == ["success", "timeout"]


def test_a_flow_run_that_is_stopped_stops_its_batch(
    runner: Runner, make_skill: MakeSkill, stop_when_begun: Any
) -> None:
    name, read = make_skill("import time; time.sleep(60)"), []

    def inputs() -> Iterator[int]:
        for n in range(1000):
            read.append(n)
            yield n

    @flow(task_runner=threads())
    def many() -> None:
        stop_when_begun(name)
        batch = skill(name).batch(inputs(), size=2)
        with pytest.raises(CancelledRun):
            batch.result()
        assert batch.state.is_cancelled()
        get_run_logger().info("stopped")

    many()
    assert set(records(runner, name)) == {Status.CANCELLED.value}
    assert len(read) < 40
    assert cancellation._watch._tokens == {}


def test_inputs_take_containers_that_wait(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pools.pooled(installation, tmp_path / "home", max_concurrent_execs=2) as worker:
        settings = worker.installation.settings
        skills.push(worker, "echo", ECHO)
        ready = {pools.ahead(worker, "echo"), pools.more(worker, "echo")}
        for name in ("home", "instance", "pool_max", "default_memory", "default_scratch", "default_cpu"):
            monkeypatch.setenv(f"SKILLBOX_{name.upper()}", str(getattr(settings, name)))
        monkeypatch.setenv("SKILLBOX_MAX_CONCURRENT_EXECS", "2")

        @flow(task_runner=threads())
        def many() -> list[RunResult]:
            return skill("echo").batch(range(4, 10)).result()

        results = many()
        settle()
        pools.drain(installation_for(installation_settings()))
        assert outputs(results) == list(range(4, 10))
        claimed = [pools.record(worker, result.execution_id).claimed for result in results]
        taken = [name for name in claimed if name is not None]
        assert ready <= set(taken)
        # Each by one run only.
        assert len(set(taken)) == len(taken)
