"""A worker is killed, and its flow run is run again: one result, one start, nothing left."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.flow_runs import suspend_flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import skill
from skillbox_core import Runner, Status
from skillbox_core.operations.pool import drain
from skillbox_core.sandbox.container import LABEL_INSTANCE, LABEL_OWNER, LABEL_WAITING
from skillbox_core.storage.tables import ExecutionRow
from tests.conftest import MakeSkill
from tests.prefect_skillbox.execution.live.programs.rerunning import FLOWS, MADE, TAKEN, WITHIN
from tests.prefect_skillbox.seen import eventually
from tests.services import pools
from tests.services.commands import commands
from tests.services.settling import containers_left
from tests.services.starts import Starts

LANGUAGE = 'import json, os; json.dump({"language": os.environ["LANGUAGE"]}, open("/sandbox/out/output.json", "w"))'

PROGRAM = Path(__file__).parent / "programs" / "rerunning.py"
STEPS = ("create_record", "load_skill", "create_container", "wait", "collect_output", "upload_artifacts", "cleanup")
BETWEEN = [*(f"before {step}" for step in STEPS), f"after {STEPS[-1]}"]
POINTS = [*BETWEEN, *(f"within {name}" for name in {**WITHIN, **MADE})]
POINTS_WHERE_ONE_WAITS = [*BETWEEN, *(f"within {name}" for name in {**WITHIN, **TAKEN})]
AS_COLD = {"before create_record", "before load_skill", "before collect_output", "before upload_artifacts"}
"""Nothing of the container matters there, or nothing of how it came to be; those are tried in a cold one each time."""
TAKEN_IN_VAIN = {f"within {name}" for name in ("delivery", "claim", "look", "attachment")}
"""One that was taken, and whose worker died before its job was all there, is used by nobody."""
IN_A_BATCH = ("before create_container", "within start", "within wait", "within upload", "within close")
"""The lifecycle is the same, and so is what each of its boundaries needs; here others are at others meanwhile."""

SCRIPT = """
import json, time, uuid
for n in range(3):
    print("line", n)
    time.sleep(0.3)
open("/sandbox/out/files/start-" + uuid.uuid4().hex, "w").write("x" * 200_000)
json.dump(json.load(open("/sandbox/input.json")), open("/sandbox/out/output.json", "w"))
"""


Try = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def try_flow_run(runner: Runner) -> Iterator[Try]:
    """Runs the program with these arguments: one try of a flow run, in a process of its own."""
    home = {
        "SKILLBOX_HOME": str(runner.installation.settings.home),
        "SKILLBOX_INSTANCE": runner.installation.settings.instance,
        "SKILLBOX_DB_DSN": runner.installation.settings.db_dsn,
    }
    with commands("flows") as call:
        yield lambda *arguments, **more: call(str(PROGRAM), *arguments, env={**os.environ, **home, **more})


@pytest.fixture(scope="module")
def pooled(runner: Runner) -> Iterator[Runner]:
    """A worker of the same installation, with containers that wait; none does in the end."""
    own = Runner.from_settings(runner.installation.settings.model_copy(update={"pool_max": 2, "pool_min": 1}))
    yield own
    drain(own.installation)


@pytest.mark.parametrize(
    ("which", "point"), [*(("one", point) for point in POINTS), ("nested", "within wait"), ("nested", "before cleanup")]
)
def test_a_flow_run_whose_worker_was_killed_ends_in_one_result(
    runner: Runner, make_skill: MakeSkill, try_flow_run: Try, which: str, point: str
) -> None:
    _killed_and_run_again(runner, try_flow_run, which, point, make_skill(SCRIPT))


@pytest.mark.parametrize(
    "point",
    [pytest.param(point, marks=[pytest.mark.nightly] if point in AS_COLD else []) for point in POINTS_WHERE_ONE_WAITS],
)
def test_so_does_one_whose_container_had_waited(
    pooled: Runner, make_skill: MakeSkill, try_flow_run: Try, point: str
) -> None:
    name = make_skill(SCRIPT)
    waited = pools.ahead(pooled, name)
    pool = {"SKILLBOX_POOL_MAX": "2", "SKILLBOX_POOL_MIN": "1"}
    row = _killed_and_run_again(pooled, try_flow_run, "one", point, name, **pool)
    # Whoever is killed before it takes one leaves it to the next one, and what was handed its job is not lost.
    assert (row.claimed == waited) is (point not in TAKEN_IN_VAIN)
    labels = {LABEL_INSTANCE: pooled.installation.settings.instance}
    left = [found for found in containers_left(pooled.installation.engine, labels) if found["Names"] != [f"/{waited}"]]
    assert all(LABEL_WAITING in found["Labels"] for found in left)
    settings, engine = pooled.installation.settings, pooled.installation.engine
    known = {row.name for row in pooled.installation.waiting.listed(settings.instance, engine.name)}
    assert {found["Names"][0].lstrip("/") for found in left} <= known
    assert waited not in known


def _killed_and_run_again(
    runner: Runner, try_flow_run: Try, which: str, point: str, name: str, **pool: str
) -> ExecutionRow:
    """The only record of a flow run whose worker was killed at a point, and that was run again."""
    engine, instance = runner.installation.engine, runner.installation.settings.instance
    with get_client(sync_client=True) as client, Starts(engine.url, f"{LABEL_INSTANCE}={instance}") as starts:
        run_id = str(client.create_flow_run(FLOWS[which], parameters={"name": name}).id)
        first = try_flow_run(which, run_id, name, point, **pool)
        assert first.returncode == -9, first.stderr
        second = try_flow_run(which, run_id, name, **pool)
        assert second.returncode == 0, second.stderr
        (listed,) = runner.installation.executions.list("default", skill=name)
        assert starts.by_execution()[listed.id] == 1
        state = client.read_flow_run(uuid.UUID(run_id)).state
        assert state is not None
        assert state.is_completed()
    row = runner.installation.executions.get("default", listed.id)
    assert row.status == Status.SUCCESS
    assert row.logs == "line 0\nline 1\nline 2\n"
    assert row.files_list.count("start-") == 1
    assert containers_left(engine, {LABEL_OWNER: run_id}) == []
    return row


@pytest.mark.parametrize("point", IN_A_BATCH)
def test_a_batch_whose_worker_was_killed_amid_a_part_answers_each_input_once(
    runner: Runner,
    make_skill: MakeSkill,
    try_flow_run: Callable[..., subprocess.CompletedProcess[str]],
    point: str,
) -> None:
    name, inputs = make_skill(SCRIPT), 6
    with get_client(sync_client=True) as client:
        run_id = str(client.create_flow_run(FLOWS["batch"], parameters={"name": name}).id)
        with Starts(runner.installation.engine.url, f"{LABEL_OWNER}={run_id}") as starts:
            first = try_flow_run("batch", run_id, name, point)
            assert first.returncode == -9, first.stderr
            second = try_flow_run("batch", run_id, name)
            assert second.returncode == 0, second.stderr
            assert sorted(starts.by_execution().values()) == [1] * inputs
    rows = runner.installation.executions.list("default", skill=name)
    assert [row.status for row in rows] == [Status.SUCCESS] * inputs
    logs = {runner.installation.executions.get("default", row.id).logs for row in rows}
    assert logs == {"line 0\nline 1\nline 2\n"}
    assert containers_left(runner.installation.engine, {LABEL_OWNER: run_id}) == []


def test_a_flow_that_retries_keeps_what_its_skills_have_done(runner: Runner, make_skill: MakeSkill) -> None:
    name, tries = make_skill(SCRIPT), []

    @flow(retries=1)
    def second_time_lucky() -> list[str]:
        results = [skill(name)({"n": n}) for n in (1, 1, 2)]
        tries.append([result.execution_id for result in results])
        assert len(tries) == 2
        return tries[-1]

    second_time_lucky()
    assert tries[0] == tries[1]
    assert len(set(tries[0])) == 3
    assert len(runner.installation.executions.list("default", skill=name)) == 3


def test_a_later_try_takes_over_nothing_that_had_another_environment(make_skill: MakeSkill) -> None:
    name, tries = make_skill(LANGUAGE), []
    german, english = (skill(name, env={"LANGUAGE": language}) for language in ("de", "en"))

    @flow(retries=1)
    def translated() -> list[str]:
        tries.append(1)
        done = [german({}).output]
        assert len(tries) == 2
        # What the first try has not come to: only the German one is there to be taken over.
        return [english({}).output, *done]

    assert translated() == [{"language": "en"}, {"language": "de"}]


def test_a_flow_run_that_is_suspended_goes_on_with_what_its_skills_have_done(
    runner: Runner, make_skill: MakeSkill
) -> None:
    name, outputs, suspended = make_skill(SCRIPT), [], []

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def approved() -> None:
        future = skill(name).submit({"n": 1})
        if not suspended:
            assert eventually(lambda: runner.installation.engine.containers({LABEL_OWNER: str(run.id)}), bool)
            suspended.append(True)
            suspend_flow_run(timeout=60)
        outputs.append(future.result().output)

    with get_client(sync_client=True) as client:
        deployment_id = client.create_deployment(client.create_flow(approved), f"suspended-{uuid.uuid4().hex[:8]}")
        run = client.create_flow_run_from_deployment(deployment_id)
        with pytest.raises(Pause):
            run_flow(approved, flow_run=run)
        (row,) = runner.installation.executions.list("default", skill=name)
        assert row.status == Status.SUCCESS, row.error
        assert client.read_flow_run(run.id).state_name == "Suspended"
        client.resume_flow_run(run.id)
        run = client.read_flow_run(run.id)
        assert run_flow(approved, flow_run=run, return_type="state").is_completed()
    assert outputs == [{"n": 1}]
    assert len(runner.installation.executions.list("default", skill=name)) == 1
