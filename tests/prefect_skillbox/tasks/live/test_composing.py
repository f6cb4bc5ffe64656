"""Composing skills as a Prefect user does: calls, futures, maps, files and failures, on each task runner."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import allow_failure, flow, tags, task, unmapped
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.exceptions import CancelledRun, MappingMissingIterable, UpstreamTaskError
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner
from prefect_dask import DaskTaskRunner

from prefect_skillbox import files_from, skill
from prefect_skillbox.tasks.skill_task import SkillTask
from prefect_skillbox.tasks.spec import outputs
from skillbox_core import (
    ExecutionFailedError,
    ExecutionTimeoutError,
    Reason,
    Runner,
    RunResult,
    Status,
)
from skillbox_core.sandbox.container import LABEL_SKILL
from tests.conftest import MakeSkill
from tests.services.settling import containers_left

LEAVE = """
import json, os
os.makedirs("/sandbox/out/files/groups")
for name in ("a.csv", "groups/b.csv"):
    open("/sandbox/out/files/" + name, "w").write(name)
json.dump({"left": 2}, open("/sandbox/out/output.json", "w"))
"""
SHOW = """
import json, os
top, found = os.environ["SANDBOX_INPUT_FILES_DIR"], []
for folder, _, names in os.walk(top):
    found += [os.path.relpath(os.path.join(folder, name), top) for name in names]
got = {"input": json.load(open("/sandbox/input.json")), "files": sorted(found)}
json.dump(got, open("/sandbox/out/output.json", "w"))
"""
BOTH = ["a.csv", "groups/b.csv"]

RUNNERS: dict[str, Callable[[], TaskRunner[Any]]] = {
    "threads": lambda: ThreadPoolTaskRunner(max_workers=4),
    "processes": lambda: ProcessPoolTaskRunner(max_workers=2),
    "Dask": lambda: DaskTaskRunner(cluster_kwargs={"n_workers": 2, "threads_per_worker": 2, "dashboard_address": None}),
}


pytestmark = pytest.mark.usefixtures("runner")


@pytest.fixture
def leave(make_skill: MakeSkill) -> SkillTask:
    """A skill that leaves a.csv and groups/b.csv."""
    return skill(make_skill(LEAVE))


@pytest.fixture
def show(make_skill: MakeSkill) -> SkillTask:
    """A skill that shows its input and the names of its files."""
    return skill(make_skill(SHOW))


@pytest.mark.parametrize("kind", RUNNERS)
def test_skills_compose_alike_on_each_task_runner(kind: str, leave: SkillTask, show: SkillTask) -> None:
    lenient = skill("always-fails", raise_on_failure=False)
    failing, slow = skill("always-fails"), skill("slow", timeout="1s")

    @flow(task_runner=RUNNERS[kind]())
    def compose() -> tuple[dict[str, Any], list[Any]]:
        made, late = leave.submit({}), slow.submit({"seconds": 30})
        failed, taken = failing.submit({}), lenient.submit({})
        inside = show.submit({"deep": [{"er": made}]}, files={"x.csv": files_from(made, "a.csv")})
        same_files = show.map([{"n": 1}, {"n": 2}], files=made)
        own_files = show.map({"n": 3}, files=[made, {"d": made}, files_from(made, "a.csv")])
        chained = show.map(same_files, files=files_from(made, "groups/b.csv"))
        shown = {
            "inside": [inside.result().output],
            "same files": [result.output for result in same_files.result()],
            "own files": [result.output for result in own_files.result()],
            "chained": [result.output for result in chained.result()],
        }
        return shown, [failed.result(raise_on_failure=False), taken.result(), late.result(raise_on_failure=False)]

    shown, (failed, taken, late) = compose()
    assert shown == {
        "inside": [{"input": {"deep": [{"er": {"left": 2}}]}, "files": ["x.csv"]}],
        "same files": [{"input": {"n": n}, "files": BOTH} for n in (1, 2)],
        "own files": [
            {"input": {"n": 3}, "files": BOTH},
            {"input": {"n": 3}, "files": ["d/a.csv", "d/groups/b.csv"]},
            {"input": {"n": 3}, "files": ["a.csv"]},
        ],
        "chained": [{"input": {"input": {"n": n}, "files": BOTH}, "files": ["groups/b.csv"]} for n in (1, 2)],
    }
    assert isinstance(failed, ExecutionFailedError)
    assert (failed.result.reason, taken.reason) == (Reason.EXIT, Reason.EXIT)
    assert "step 1" in failed.result.logs
    assert isinstance(late, ExecutionTimeoutError)
    assert late.result.status is Status.TIMEOUT


def test_one_value_is_the_same_for_all_of_a_map_and_a_list_is_each_ones_own(
    leave: SkillTask, show: SkillTask, tmp_path: Path
) -> None:
    @task
    def rows() -> list[int]:
        return [7, 8]

    (tmp_path / "p.csv").touch()
    path = str(tmp_path / "p.csv")

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
    def compose() -> dict[str, list[Any]]:
        made = leave.submit({})
        result, state = leave({}), leave({}, return_state=True)
        maps = {
            "result": show.map([1, 2], files=result),
            "state": show.map([1, 2], files=state),
            "path": show.map([1, 2], files=path),
            "dict": show.map([1, 2], files={"q.csv": path}),
            "unmapped list": show.map([1, 2], files=unmapped([path, {"q.csv": path}])),
            "list": show.map([1, 2], files=[path, {"q.csv": path}]),
            "lists": show.map([1, 2], files=[[path, {"q.csv": path}], []]),
            "input is a result": show.map(result, files=[path, None]),
            "input is a future": show.map(made, files=[path, None]),
            "input is a list of a task": show.map(rows.submit(), path),
            "by name": show.map(input=[1, 2], files=None),
        }
        with pytest.raises(MappingMissingIterable):
            show.map({"n": 1}, files=made)
        shown = {name: [one.output for one in runs.result()] for name, runs in maps.items()}
        return {name: [(one["input"], one["files"]) for one in all_] for name, all_ in shown.items()}

    p, q = ["p.csv"], ["q.csv"]
    assert compose() == {
        "result": [(1, BOTH), (2, BOTH)],
        "state": [(1, BOTH), (2, BOTH)],
        "path": [(1, p), (2, p)],
        "dict": [(1, q), (2, q)],
        "unmapped list": [(1, p + q), (2, p + q)],
        "list": [(1, p), (2, q)],
        "lists": [(1, p + q), (2, [])],
        "input is a result": [({"left": 2}, p), ({"left": 2}, [])],
        "input is a future": [({"left": 2}, p), ({"left": 2}, [])],
        "input is a list of a task": [(7, p), (8, p)],
        "by name": [(1, []), (2, [])],
    }


def test_arrows_are_drawn_where_something_flows_and_nowhere_else(leave: SkillTask, show: SkillTask) -> None:
    def named(name: str) -> SkillTask:
        return show.with_options(name=name, task_run_name=name)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
    def compose() -> None:
        made = leave.with_options(task_run_name="made").submit({})
        named("future in the input").submit({"x": [made]}).wait()
        named("future as files").submit({}, files={"d": files_from(made, "a.csv")}).wait()
        named("future as files of a map").map([1], files=made).wait()
        result = made.result()
        named("result in the input")({"x": result})
        named("result as files")({}, files=[result])
        named("its output")(result.output)
        named("waits").submit({}, wait_for=[made]).wait()
        # Values that are one object in a whole process must not be taken for the result's own.
        named("nothing of it")({"title": "", "tenant": "default", "version": "1.0.0", "status": "success", "none": ()})

    run_id = compose(return_state=True).state_details.flow_run_id
    expected = {
        "made": set(), "nothing of it": set(), "future in the input": {"input"}, "future as files": {"files"},
        "future as files of a map[0]": {"files"}, "result in the input": {"input"}, "result as files": {"files"},
        "its output": {"input"}, "waits": {"wait_for"},
    }  # fmt: skip
    seen, give_up = {}, time.monotonic() + 30
    with get_client(sync_client=True) as client:
        # The server records task runs from events, a moment after they happened.
        while len(seen) < len(expected) and time.monotonic() < give_up:
            runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
            made = next((run.id for run in runs if run.name == "made"), None)
            seen = {
                run.name: {name for name, given in run.task_inputs.items() if made in {i.id for i in given}}
                for run in runs
                if " · " not in run.name and run.state and run.state.is_final()
            }
            time.sleep(0.2)
    assert seen == expected


def test_what_depends_on_a_failed_skill_does_not_run_unless_it_is_asked_to(show: SkillTask) -> None:
    failing = skill("always-fails")

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
    def compose() -> tuple[State[Any], State[Any], RunResult]:
        failed = failing.submit({})
        after, files = show.submit({"x": failed}), show.submit({}, files=failed)
        anyway = show.submit({"x": allow_failure(failed)}, files=allow_failure(failed))
        after.wait(), files.wait()
        return after.state, files.state, anyway.result()

    after, files, anyway = compose()
    assert (after.name, files.name) == ("NotReady", "NotReady")
    assert anyway.output == {"input": {"x": None}, "files": []}


def test_states_are_what_a_prefect_user_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    @flow
    def states() -> list[State[Any]]:
        return [
            skill("always-fails")({}, return_state=True),
            skill("always-fails", raise_on_failure=False)({}, return_state=True),
            skill("slow", timeout="1s")({"seconds": 30}, return_state=True),
            skill("word-count").submit({"text": "x"}, return_state=True),
        ]

    failed, taken, late, done = states(return_state=True).result(raise_on_failure=False)
    assert [(state.type.value, state.name) for state in (failed, taken, late, done)] == [
        ("FAILED", "Failed"),
        ("COMPLETED", "Completed"),
        ("FAILED", "TimedOut"),
        ("COMPLETED", "Completed"),
    ]
    assert taken.result().reason is Reason.EXIT
    with pytest.raises(ExecutionFailedError) as caught:
        failed.result()
    assert caught.value.result.reason is Reason.EXIT
    assert isinstance(late.result(raise_on_failure=False), TimeoutError)

    cancelled = RunResult(execution_id="0" * 32, status=Status.CANCELLED, error="cancelled by the caller")
    monkeypatch.setattr("prefect_skillbox.tasks.skill_task.execute", lambda *_: cancelled)

    @flow
    def stopped() -> State[Any]:
        return skill("word-count")({}, return_state=True)

    assert stopped(return_state=True).result(raise_on_failure=False).is_cancelled()


def test_a_cancelled_call_raises_and_gives_its_caller_no_state(
    runner: Runner, make_skill: MakeSkill, stop_when_begun: Callable[[str], None]
) -> None:
    name = make_skill("import time; print('begun', flush=True); time.sleep(60)")

    @flow
    def stopped() -> None:
        stop_when_begun(name)
        skill(name)({}).output  # noqa: B018

    with pytest.raises(CancelledRun):
        stopped()
    (row,) = runner.installation.executions.list("default", skill=name)
    assert row.status == Status.CANCELLED


@pytest.mark.by_itself
@pytest.mark.parametrize("limited", ["flow", "skill"])
def test_prefects_own_timeout_ends_a_skill_and_is_told_from_an_error(
    runner: Runner, make_skill: MakeSkill, limited: str
) -> None:
    name = make_skill("import time; time.sleep(60)")
    of_flow, of_skill = (4, None) if limited == "flow" else (None, 4)

    @flow(timeout_seconds=of_flow)
    def hasty() -> None:
        skill(name, timeout_seconds=of_skill)({})

    began = time.monotonic()
    state = hasty(return_state=True)
    assert time.monotonic() - began < 30
    assert isinstance(state.result(raise_on_failure=False), TimeoutError)
    assert state.name == "TimedOut"
    (row,) = runner.installation.executions.list("default", skill=name)
    assert row.status == Status.CANCELLED
    assert containers_left(runner.installation.engine, {LABEL_SKILL: f"{name}@1.0.0"}) == []


@pytest.mark.postgres_only(
    reason="tried with 3.9.1 and plain tasks: a server on SQLite stands still for a minute when the limit of a tag is "
    "asked for while something else is written, for everybody"
)
def test_the_steps_of_a_skill_do_not_count_against_the_limit_of_a_tag(show: SkillTask) -> None:
    tag = f"heavy-{uuid.uuid4().hex[:8]}"
    with get_client(sync_client=True) as client:
        client.create_concurrency_limit(tag=tag, concurrency_limit=1)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def limited() -> list[RunResult]:
        with tags(tag):
            return [future.result(timeout=60) for future in show.map([{"n": 1}, {"n": 2}])]

    assert [result.output["input"] for result in limited()] == [{"n": 1}, {"n": 2}]


def test_changed_options_make_a_skill_of_it_again(show: SkillTask) -> None:
    changed = show.with_options(name="renamed", retries=2, tags=["x"])
    assert (type(changed), changed.name, changed.retries) == (SkillTask, "renamed", 2)

    @flow
    def compose() -> RunResult:
        return changed.with_options(retries=0)({"n": 1}, files=None)

    assert compose().output == {"input": {"n": 1}, "files": []}


def test_in_an_async_flow_submitted_and_threaded_skills_leave_the_loop_alone(show: SkillTask) -> None:
    slow = skill("slow")

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
    async def compose() -> tuple[int, list[Any]]:
        futures = [*slow.map([{"seconds": 1}] * 2), show.submit({"n": 1})]
        waiting = asyncio.gather(
            *(asyncio.to_thread(future.result) for future in futures), asyncio.to_thread(show, {"n": 2})
        )
        ticks = 0
        while not waiting.done():
            await asyncio.sleep(0.05)
            ticks += 1
        return ticks, [result.output for result in (await waiting)[2:]]

    ticks, shown = asyncio.run(compose())
    assert ticks > 10
    assert shown == [{"input": {"n": n}, "files": []} for n in (1, 2)]


def test_a_call_in_an_async_flow_works_and_says_that_the_loop_waits(
    show: SkillTask, caplog: pytest.LogCaptureFixture
) -> None:
    @flow
    async def compose() -> RunResult:
        return show({"n": 1})

    logger = logging.getLogger("prefect.flow_runs")
    logger.addHandler(caplog.handler)
    try:
        assert asyncio.run(compose()).output["input"] == {"n": 1}
    finally:
        logger.removeHandler(caplog.handler)
    assert any("waits for it" in record.getMessage() for record in caplog.records)


def test_an_upstream_failure_ends_a_map_over_it_as_in_prefect(show: SkillTask) -> None:
    failing = skill("always-fails")

    @flow
    def compose() -> None:
        show.map(failing.submit({}), files=["a", "b"])

    with pytest.raises(UpstreamTaskError):
        compose()


def test_results_and_errors_anywhere_in_an_input_stand_for_their_output() -> None:
    result = RunResult(execution_id="0" * 32, status=Status.FAILED, output=[1])
    error = ExecutionFailedError("x", result=result)
    assert outputs({"a": (result, {"b": error}), "c": 1}) == {"a": [[1], {"b": [1]}], "c": 1}
