"""Deployments that give their runs files, secrets and retries, run by a real worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError

from prefect_skillbox.flows.deploy import deploy
from skillbox_core import Runner, Settings, Status
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen
from tests.services.prefect import WORKER
from tests.services.process import running
from tests.services.web import Page, web

BIN = Path(sys.executable).parent
UNIQUE = uuid.uuid4().hex[:8]
POOL = f"options-{UNIQUE}"
READ = """import json, os, sys
folder = '/sandbox/in/files'
files = {os.path.relpath(os.path.join(at, name), folder): open(os.path.join(at, name)).read()
         for at, _, names in os.walk(folder) for name in names}
given = json.load(open('/sandbox/input.json'))
json.dump([files, len(os.environ.get('KEY', '')), given], open('/sandbox/out/output.json', 'w'))
sys.exit('not yet' in files.get('state.txt', ''))
"""
FILES = """input_files: [{name: state.txt, media_type: text/plain}, {name: "in/*.csv", required: false}]
"""
SCHEMA = "input_schema: {type: object, properties: {n: {type: integer}}}\n"


@pytest.fixture(scope="module")
def client(installation: Settings) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture(scope="module")
def environment(installation: Settings) -> dict[str, str]:
    """That of a person who uses the test installation."""
    ours = {"SKILLBOX_HOME": str(installation.home), "SKILLBOX_INSTANCE": installation.instance}
    path = f"{BIN}:{os.environ['PATH']}"
    return {**os.environ, **ours, "SKILLBOX_DB_DSN": installation.db_dsn, "PATH": path, "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def worker(
    client: SyncPrefectClient, environment: dict[str, str], runner: Runner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """A process worker on a pool of its own, and everything that was deployed to it gone afterwards."""
    tell = {"check": True, "env": environment, "capture_output": True}
    subprocess.run([BIN / "prefect", "work-pool", "create", POOL, "--type", "process"], **tell)
    log = tmp_path_factory.mktemp("worker") / "worker.log"
    command = [str(BIN / "prefect"), "worker", "start", "--pool", POOL, "--type", "process"]
    with running(command, log, env={**environment, **WORKER}):
        yield
    for deployment in client.read_deployments():
        if UNIQUE in deployment.name:
            client.delete_deployment(deployment.id)
    client.delete_work_pool(POOL)


@pytest.fixture
def key_block() -> Iterator[str]:
    """A Secret block with a value of 22 characters."""
    name = f"key-{UNIQUE}"
    Secret(value="a-value-nobody-may-see").save(name)
    yield name
    Secret.delete(name)


def _start(client: SyncPrefectClient, name: str, parameters: dict[str, Any]) -> FlowRun:
    return client.create_flow_run_from_deployment(client.read_deployment_by_name(name).id, parameters=parameters)


def _ended(client: SyncPrefectClient, run: FlowRun) -> FlowRun:
    give_up = time.monotonic() + 120
    while not (run.state and run.state.is_final()):
        assert time.monotonic() < give_up, f"{run.name} is still {run.state_name}"
        time.sleep(0.2)
        run = client.read_flow_run(run.id)
    return run


def _output(runner: Runner, skill: str) -> Any:
    (row,) = runner.installation.executions.list("default", skill=skill, status=Status.SUCCESS)
    return json.loads(runner.installation.executions.get("default", row.id).output or "")


class _Once(dict[str, Page]):
    """Pages of which one says "not yet" until a run of the skill has failed."""

    def __init__(self, runner: Runner, skill: str) -> None:
        super().__init__()
        self._runner, self._skill = runner, skill

    def get(self, path: str, default: Any = None) -> Any:
        failed = self._runner.installation.executions.list("default", skill=self._skill, status=Status.FAILED)
        return Page([b"now" if failed else b"not yet"])


@pytest.mark.parametrize("schema", [SCHEMA, ""], ids=["a form of its inputs", "one input"])
def test_a_run_of_a_deployment_has_its_files_and_secrets_and_is_tried_again(
    schema: str,
    worker: None,
    client: SyncPrefectClient,
    environment: dict[str, str],
    runner: Runner,
    make_skill: MakeSkill,
    key_block: str,
    tmp_path: Path,
) -> None:
    skill, name = make_skill(READ, front=FILES + schema), f"tried-{uuid.uuid4().hex[:6]}-{UNIQUE}"
    (tmp_path / "a.csv").write_text("A")
    with web(_Once(runner, skill)) as address:
        made = subprocess.run(
            [BIN / "skillbox", "deploy", skill, "--pool", POOL, "--name", name, "--input", '{"n": 1}', "--file",
             f"state.txt={address}/state", "--file", "in/*.csv=a.csv", "--secret", f"KEY={key_block}", "--retries", "1",
             "--retry-delay", "100ms", "--cron", "0 6 * * *", "--timezone", "Europe/Berlin"],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        deployment = client.read_deployment_by_name(f"{skill}/{name}")
        assert deployment.parameters["files"] == {"state.txt": f"{address}/state", "in/*.csv": [f"{tmp_path}/a.csv"]}
        assert [(s.schedule.cron, s.schedule.timezone) for s in deployment.schedules] == [  # type: ignore[union-attr]
            ("0 6 * * *", "Europe/Berlin")
        ]
        ended = _ended(client, _start(client, f"{skill}/{name}", {}))
    assert ended.state_name == "Completed", ended.state
    assert _output(runner, skill) == [{"state.txt": "now", "in/a.csv": "A"}, 22, {"n": 1}]
    rows = runner.installation.executions.list("default", skill=skill)
    assert sorted((row.status, row.reason) for row in rows) == [("failed", "exit"), ("success", None)]
    # Both were done in one flow run, by one task.
    assert {row.owner for row in rows} == {str(ended.id)}
    of_the_run = FlowRunFilter(id=FlowRunFilterId(any_=[ended.id]))
    tried = seen.eventually(
        lambda: [task for task in client.read_task_runs(flow_run_filter=of_the_run) if task.run_count > 1], bool
    )
    assert [task.run_count for task in tried] == [2]

    # Deployed again without them, it has none of that.
    deploy(skill, pool=POOL, name=name)
    again = client.read_deployment_by_name(f"{skill}/{name}")
    own = (
        {"skillbox": {"skill": f"default/{skill}", "files": True}} if schema else {"skill": skill, "tenant": "default"}
    )
    assert (again.schedules, again.parameters) == ([], own)


@pytest.mark.parametrize("schema", [SCHEMA, ""], ids=["a form of its inputs", "one input"])
def test_the_server_refuses_a_run_whose_files_are_missing_mistyped_or_nowhere(
    schema: str, worker: None, client: SyncPrefectClient, make_skill: MakeSkill
) -> None:
    skill, name = make_skill(READ, front=FILES + schema), f"refused-{uuid.uuid4().hex[:6]}-{UNIQUE}"
    deploy(skill, pool=POOL, name=name)
    for wrong, said in (
        ({}, "files.{1,3} is a required property"),
        ({"files": {}}, r"state\.txt.{1,3} is a required property"),
        ({"files": {"state.txt": "state.txt"}}, r"state\.txt.{1,3} does not match"),
        ({"files": {"state.txt": "/s", "stat.txt": "/s"}}, r"stat\.txt.{1,3} was unexpected"),
        ({"file": {"state.txt": "/s"}}, "file.{1,3} is not one of"),
    ):
        with pytest.raises(PrefectHTTPStatusError, match=f"409.*{said}"):
            _start(client, f"{skill}/{name}", wrong)


def test_a_relative_path_that_the_server_lets_through_fails_the_run_with_a_sentence(runner: Runner) -> None:
    from prefect.flow_engine import run_flow

    from prefect_skillbox.flows.form import SETTINGS
    from prefect_skillbox.flows.skill_flow import deployed_flow

    settings = {"skill": "default/text-summary", "files": True}
    parameters: dict[str, Any] = {SETTINGS: settings, "text": "Rain fell.", "files": {"a.csv": "a.csv"}}
    state: Any = run_flow(deployed_flow(parameters), parameters=parameters, return_type="state")
    assert (state.name, '"a.csv" for the file a.csv is no absolute path' in state.message) == ("Failed", True)


def test_run_skill_takes_files_under_names_in_a_list_and_alone(
    runner: Runner, make_skill: MakeSkill, tmp_path: Path
) -> None:
    from prefect_skillbox import run_skill

    skill, path = make_skill(READ), tmp_path / "b.csv"
    path.write_text("B")
    for files, found in (
        (str(path), {"b.csv": "B"}),
        ([str(path)], {"b.csv": "B"}),
        ({"a.csv": str(path), "in/*": [f"{tmp_path}/*.csv"], "c": None}, {"a.csv": "B", "in/b.csv": "B"}),
        (None, {}),
    ):
        assert run_skill(skill=skill, files=files)["output"][0] == found
