"""Deployments on the real server: what a person finds there, and runs of them by a real worker and under serve."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.variables import Variable
from prefect.workers.base import BaseJobConfiguration

from prefect_skillbox.flows.deploy import deploy
from skillbox_core import Runner, Settings, Status
from skillbox_core.errors import InputError, SettingsError
from skillbox_core.settings import make_settings
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen
from tests.services import skills
from tests.services.prefect import WORKER
from tests.services.process import running

ROOT = Path(__file__).parents[4]
BIN = Path(sys.executable).parent
UNIQUE = uuid.uuid4().hex[:8]
POOL = f"test-{UNIQUE}"
ECHO = "import json, sys\nprint(json.dumps(sys.argv[1:]))\n"
OVERLAY = """entrypoints:
  check:
    script: scripts/echo.py
    args: [--strict, "{input.n}"]
    input_schema: {type: object, required: [n], properties: {n: {type: integer}}}
"""


@pytest.fixture(scope="module")
def client(installation: Settings) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture(scope="module")
def environment(installation: Settings) -> dict[str, str]:
    """That of a person who uses the test installation."""
    return {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "SKILLBOX_HOME": str(installation.home),
        "SKILLBOX_INSTANCE": installation.instance,
        "SKILLBOX_DB_DSN": installation.db_dsn,
        "NO_COLOR": "1",
    }


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


def _tell(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / command[0], *command[1:]], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _deployment(client: SyncPrefectClient, name: str) -> DeploymentResponse:
    return client.read_deployment_by_name(name)


def _start(client: SyncPrefectClient, name: str, parameters: dict[str, Any]) -> FlowRun:
    return client.create_flow_run_from_deployment(_deployment(client, name).id, parameters=parameters)


def _ended(client: SyncPrefectClient, run: FlowRun) -> FlowRun:
    give_up = time.monotonic() + 120
    while not (run.state and run.state.is_final()):
        assert time.monotonic() < give_up, f"{run.name} is still {run.state_name}"
        time.sleep(0.2)
        run = client.read_flow_run(run.id)
    return run


@pytest.fixture
def overlaid(make_skill: MakeSkill) -> str:
    """A skill with the entrypoint `check`, which prints its arguments."""
    return make_skill("print()", files={"scripts/echo.py": ECHO, ".skillbox/overlay.yaml": OVERLAY})


def test_prefect_deploy_all_works_and_a_process_worker_runs_each_deployment(
    worker: None,
    client: SyncPrefectClient,
    environment: dict[str, str],
    runner: Runner,
    overlaid: str,
    tmp_path: Path,
) -> None:
    spoken: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())
    for deployment in spoken["deployments"]:
        # On a server that somebody may be using, these take no name and no pool of his.
        deployment["name"] += f"-{UNIQUE}"
        deployment["work_pool"] = {"name": POOL}
        # The clean-up's minute may come just now, and of two runs of it one is cancelled.
        for schedule in deployment.get("schedules", ()):
            schedule["active"] = False
    ours = tmp_path / "prefect.yaml"
    ours.write_text(yaml.safe_dump(spoken))
    deployed = _tell(environment, "prefect", "deploy", "--prefect-file", str(ours), "--all")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr

    cleanup = _deployment(client, f"cleanup-orphans/cleanup-orphans-{UNIQUE}")
    assert cleanup.global_concurrency_limit is not None
    assert cleanup.global_concurrency_limit.limit == 1
    assert cleanup.concurrency_options is not None
    assert cleanup.concurrency_options.collision_strategy.value == "CANCEL_NEW"
    assert [schedule.schedule.cron for schedule in cleanup.schedules] == ["*/5 * * * *"]  # type: ignore[union-attr]

    a_script = {"script": "scripts/echo.py", "args": ["{input.n}"], "stdin": "x", "ok_exit_codes": [0, 1]}
    runs = [
        _start(client, f"run-skill/run-skill-{UNIQUE}", {"skill": "word-count@^1", "input": {"text": "a b"}}),
        _start(client, f"penguins-plain/penguins-{UNIQUE}", {}),
        _start(client, f"cleanup-orphans/cleanup-orphans-{UNIQUE}", {"dry_run": True}),
        _start(client, f"run-skill/run-skill-{UNIQUE}", {"skill": f"{overlaid}@^1#check", "input": {"n": 1}}),
        _start(client, f"run-skill/run-skill-{UNIQUE}", {"skill": overlaid, "input": {"n": 2}, **a_script}),
    ]
    ended = [_ended(client, run) for run in runs]
    assert [(run.name, run.state_name) for run in ended if not run.state or not run.state.is_completed()] == []
    assert ended[0].name == f"word-count@^1 · {runs[0].name}", "what runs, and the name that was made up for this run"
    assert ended[2].name == f"cleanup-orphans · {runs[2].name}"
    newest = runner.installation.executions.list("default", skill="word-count", limit=1)[0]
    assert (newest.owner, newest.skill_version, newest.asked_version) == (str(runs[0].id), "1.0.0", "^1")
    outputs = {
        row.owner: json.loads(runner.installation.executions.get("default", row.id).output or "")
        for row in runner.installation.executions.list("default", skill=overlaid)
    }
    assert outputs == {str(runs[3].id): ["--strict", "1"], str(runs[4].id): ["2"]}


@pytest.mark.parametrize(
    "wrong", [{}, {"skill": "word-count@>=1"}, {"skill": "../x"}, {"skill": "a", "timeout": "soon"},
              {"skill": "a", "memory": "1G"}, {"skill": "a", "cpu": "-1"}, {"skill": "a", "tenant": "a/b"},
              {"skill": "a", "args": [1]}, {"skill": "a", "args": [[["x"]]]}],
)  # fmt: skip
def test_run_skill_refuses_wrong_parameters_before_there_is_a_run(
    client: SyncPrefectClient, wrong: dict[str, Any]
) -> None:
    from prefect.deployments.runner import RunnerDeployment

    from prefect_skillbox import run_skill

    name = f"checked-{UNIQUE}-{uuid.uuid4().hex[:6]}"
    made = RunnerDeployment.from_flow(run_skill, name).apply()
    try:
        for good in (
            {"skill": "a", "timeout": "1h30m", "cpu": ".5", "memory": "1Gi"},
            {"skill": "a@~1.2", "cpu": None},
            {"skill": "a", "script": "x.py", "args": ["-v", ["-t", "{input.t?}"]]},
        ):
            client.delete_flow_run(_start(client, f"run-skill/{name}", good).id)
        with pytest.raises(PrefectHTTPStatusError, match="409"):
            _start(client, f"run-skill/{name}", wrong)
    finally:
        client.delete_deployment(made)  # type: ignore[arg-type]


def test_a_deployed_skill_has_its_own_inputs_as_parameters(
    worker: None, client: SyncPrefectClient, environment: dict[str, str], runner: Runner
) -> None:
    name = f"summary-{UNIQUE}"
    made = _tell(environment, "skillbox", "deploy", "text-summary@^1", "--pool", POOL, "--name", name)
    assert made.returncode == 0, made.stderr
    deployment = _deployment(client, f"text-summary/{name}")
    schema: Any = deployment.parameter_openapi_schema
    assert schema["type"] == "object"
    assert list(schema["properties"]) == ["text", "sentences"]
    assert schema["required"] == ["text"]
    assert schema["properties"]["sentences"]["default"] == 3
    assert deployment.enforce_parameter_schema
    with pytest.raises(PrefectHTTPStatusError, match="sentences"):
        _start(client, f"text-summary/{name}", {"text": "x", "sentences": 0})
    for unknown in ("sentence", "my field"):
        with pytest.raises(PrefectHTTPStatusError, match=f"409.*'{unknown}' is not one of .'text', 'sentences'"):
            _start(client, f"text-summary/{name}", {"text": "x", unknown: 1})

    started = _start(client, f"text-summary/{name}", {"text": "Rain fell. Rain rose."})
    ended = _ended(client, started)
    assert (ended.state_name, ended.name) == ("Completed", f"text-summary@^1 · {started.name}")
    row = runner.installation.executions.get(
        "default", runner.installation.executions.list("default", skill="text-summary", limit=1)[0].id
    )
    assert (row.input, row.owner) == ('{"text":"Rain fell. Rain rose."}', str(ended.id))


def test_a_deployed_entrypoint_has_its_own_inputs_as_parameters(
    worker: None, client: SyncPrefectClient, runner: Runner, overlaid: str
) -> None:
    name = f"entrypoint-{UNIQUE}"
    deploy(f"{overlaid}@^1#check", pool=POOL, name=name)
    assert list(_deployment(client, f"{overlaid}/{name}").parameter_openapi_schema["properties"]) == ["n"]  # type: ignore[index]
    started = _start(client, f"{overlaid}/{name}", {"n": 3})
    ended = _ended(client, started)
    assert (ended.state_name, ended.name) == ("Completed", f"{overlaid}@^1#check · {started.name}")
    (row,) = runner.installation.executions.list("default", skill=overlaid)
    output = runner.installation.executions.get("default", row.id).output
    assert (json.loads(output or ""), row.owner) == (["--strict", "3"], str(ended.id))


def test_a_field_that_was_left_empty_is_left_out(runner: Runner) -> None:
    from prefect_skillbox.flows.form import SETTINGS
    from prefect_skillbox.flows.skill_flow import deployed_flow

    parameters = {SETTINGS: "default/text-summary@~1.1", "text": "Rain fell.", "sentences": None}
    assert deployed_flow(parameters)(**parameters)["output"]["summary"] == "Rain fell."


def test_a_parameter_that_the_server_lets_through_fails_the_run_with_a_sentence(runner: Runner) -> None:
    from prefect.flow_engine import run_flow

    from prefect_skillbox import run_skill
    from prefect_skillbox.flows.form import SETTINGS
    from prefect_skillbox.flows.skill_flow import deployed_flow

    state: Any = run_flow(run_skill, parameters={"skill": "word-count", "inptu": {}}, return_type="state")
    assert (state.name, 'run-skill has no parameter "inptu" (did you mean input?)' in state.message) == ("Failed", True)
    for odd in ("my field", "class"):
        parameters = {SETTINGS: "default/text-summary", "text": "Rain fell.", odd: 1}
        state = run_flow(deployed_flow(parameters), parameters=parameters, return_type="state")
        assert (state.name, f'has no parameter "{odd}" (it has skillbox, text)' in state.message) == ("Failed", True)
    # A name that only Prefect's own check of parameters has trouble with is the skill's to judge.
    parameters = {SETTINGS: "default/text-summary", "text": "Rain fell.", "model_config": 1}
    assert run_flow(deployed_flow(parameters), parameters=parameters, return_type="state").name == "Completed"


def test_a_deployed_skill_without_a_schema_has_one_input_and_can_have_a_schedule(
    worker: None, client: SyncPrefectClient, runner: Runner
) -> None:
    name = f"counter-{UNIQUE}"
    deploy("word-count", pool=POOL, name=name, cron="0 6 * * 1-5", input={"text": "one two"})
    deployment = _deployment(client, f"word-count/{name}")
    assert list(deployment.parameter_openapi_schema["properties"]) == ["input"]  # type: ignore[index]
    assert deployment.parameters == {"skill": "word-count", "tenant": "default", "input": {"text": "one two"}}
    assert [schedule.schedule.cron for schedule in deployment.schedules] == ["0 6 * * 1-5"]  # type: ignore[union-attr]

    with pytest.raises(PrefectHTTPStatusError, match=r"409.*'inptu' is not one of .'input'"):
        _start(client, f"word-count/{name}", {"inptu": {"text": "x"}})
    # What else run_skill takes is no field of the form, and can be given.
    started = _start(client, f"word-count/{name}", {"input": None, "input_json": '{"text": "a b c"}', "timeout": "30s"})
    assert _ended(client, started).state_name == "Completed"

    deploy("word-count", pool=POOL, name=name)
    again = _deployment(client, f"word-count/{name}")
    assert (again.schedules, again.parameters) == ([], {"skill": "word-count", "tenant": "default"})


def test_skills_of_two_tenants_with_one_name_have_two_deployments(
    worker: None, client: SyncPrefectClient, runner: Runner
) -> None:
    tenant, name = f"acme-{UNIQUE}", f"both-{UNIQUE}"
    for whose in ("default", tenant):
        skills.push(runner, "shared", "open('/sandbox/out/output.json', 'w').write('1')", tenant=whose)
        deploy("shared", pool=POOL, name=name, tenant=whose)
    assert [_deployment(client, f"{flow}/{name}").parameters["tenant"] for flow in ("shared", f"{tenant}.shared")] == [
        "default",
        tenant,
    ]


def test_a_deployment_with_a_schedule_runs_by_itself(worker: None, client: SyncPrefectClient, runner: Runner) -> None:
    name = f"scheduled-{UNIQUE}"
    deploy("word-count", pool=POOL, name=name, input={"text": "by itself"})
    deployment = _deployment(client, f"word-count/{name}")
    wanted = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED])),
    )
    (schedule,) = client.create_deployment_schedules(
        deployment.id, [(IntervalSchedule(interval=timedelta(seconds=10)), True)]
    )
    try:
        runs = seen.eventually(lambda: client.read_flow_runs(flow_run_filter=wanted), bool, 120)
    finally:
        client.delete_deployment_schedule(deployment.id, schedule.id)
    assert [run.auto_scheduled for run in runs[:1]] == [True]
    owners = {
        row.owner for row in runner.installation.executions.list("default", skill="word-count", status=Status.SUCCESS)
    }
    assert str(runs[0].id) in owners


def test_a_skill_can_be_served_without_a_pool(
    client: SyncPrefectClient, environment: dict[str, str], runner: Runner, make_skill: MakeSkill, tmp_path: Path
) -> None:
    front = "input_schema: {type: object, properties: {n: {type: integer}, from: {type: string}}}"
    skill = make_skill("import shutil; shutil.copy('/sandbox/input.json', '/sandbox/out/output.json')", front=front)
    name = f"{skill}/served-{UNIQUE}"
    command = [str(BIN / "skillbox"), "deploy", skill, "--serve", "--name", f"served-{UNIQUE}"]
    with running(command, tmp_path / "serve.log", env=environment) as served:
        give_up = time.monotonic() + 60
        while True:
            try:
                deployment = _deployment(client, name)
                break
            except ObjectNotFound:
                assert served.poll() is None, (tmp_path / "serve.log").read_text()
                assert time.monotonic() < give_up
                time.sleep(0.2)
        # `from` can't be the name of a Python parameter, so the whole input is one.
        assert list(deployment.parameter_openapi_schema["properties"]) == ["input"]  # type: ignore[index]
        run = _ended(client, _start(client, name, {"input": {"n": 7, "from": "here"}}))
    assert run.state_name == "Completed"
    (row,) = runner.installation.executions.list("default", skill=skill)
    assert runner.installation.executions.get("default", row.id).output == '{"n":7,"from":"here"}'
    client.delete_deployment(deployment.id)


def test_the_serve_script_and_the_yaml_say_the_same() -> None:
    from deployments.serve import served

    spoken = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())["deployments"]
    for ours, theirs in zip(served(), spoken, strict=True):
        assert (ours.name, ours.tags) == (theirs["name"], theirs["tags"])
        assert [(s.slug, s.schedule.cron) for s in ours.schedules or []] == [  # type: ignore[union-attr]
            (s["slug"], s["cron"]) for s in theirs.get("schedules", [])
        ]
        limit = theirs.get("concurrency_limit", {})
        assert ours.concurrency_limit == limit.get("limit")
        strategy = ours.concurrency_options and ours.concurrency_options.collision_strategy.value
        assert strategy == limit.get("collision_strategy")


@pytest.mark.parametrize(
    ("reference", "options", "said"),
    [
        ("text-sumary", {"pool": POOL}, "did you mean text-summary?"),
        ("text-summary@^9", {"pool": POOL}, "there is 1."),
        ("text-summary@>=1", {"pool": POOL}, "is not a version"),
        ("text-summary", {"pool": "no-such-pool"}, "`prefect work-pool create no-such-pool --type process` makes it"),
        ("text-summary", {}, "--pool POOL, or --serve"),
        ("text-summary", {"pool": POOL, "cron": "at noon"}, "not a cron schedule"),
        ("text-summary", {"pool": POOL, "input": {"sentences": 0}}, "sentences breaks the rule minimum: 1"),
        ("text-summary", {"pool": POOL, "input": []}, "must be an object"),
        ("text-summary", {"pool": POOL, "input": {"sentence": 3}}, 'no parameter "sentence" (did you mean sentences?)'),
        (
            "text-summary",
            {"pool": POOL, "secrets": {"KEY": f"no-{UNIQUE}"}},
            "no Secret block of the name that is given",
        ),
        (
            "text-summary",
            {"pool": POOL, "secrets": {"KEY": "hunter2/x"}},
            "no Secret block of the name that is given for K",
        ),
    ],
)
def test_deploy_says_what_is_wrong(runner: Runner, reference: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        deploy(reference, **options)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_deploy_without_a_server_says_so(runner: Runner, environment: dict[str, str]) -> None:
    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        pytest.raises(SettingsError, match="no Prefect server"),
    ):
        deploy("stats")
    unreachable = _tell({**environment, "PREFECT_API_URL": "http://127.0.0.1:9/api"}, "skillbox", "deploy", "stats")
    assert (unreachable.returncode, "Traceback" in unreachable.stderr) == (4, False), unreachable.stderr
    assert "http://127.0.0.1:9/api can't be reached" in unreachable.stderr


def test_the_docker_file_deploys_the_same_and_holds_no_secret_reference() -> None:
    folder = ROOT / "deployments"
    ours, theirs = (yaml.safe_load((folder / name).read_text()) for name in ("prefect-docker.yaml", "prefect.yaml"))
    for deployment in (*ours["deployments"], *theirs["deployments"]):
        del deployment["work_pool"]
    assert ours["deployments"] == theirs["deployments"]
    assert "prefect.blocks" not in (folder / "prefect-docker.yaml").read_text()


def test_what_the_docker_pool_says_of_itself_is_what_holds_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    template = json.loads((ROOT / "deployments" / "docker" / "job-template.json").read_text())
    said = {k: v for k, v in template["variables"]["properties"]["env"]["default"].items() if "{{" not in v}
    for name in list(os.environ):
        if name.startswith("SKILLBOX_"):
            monkeypatch.delenv(name)
    plain = make_settings({})
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert {"SKILLBOX_INSTANCE", "SKILLBOX_IMAGE_ALLOWLIST", "SKILLBOX_IMAGE_ALIASES"} <= set(said)
    assert make_settings({}) == plain


def test_secrets_of_a_docker_pool_are_read_when_a_run_starts_and_stand_nowhere(client: SyncPrefectClient) -> None:
    text = (ROOT / "deployments" / "docker" / "job-template.json").read_text()
    # On a server that somebody may be using, these take no name of his.
    text = text.replace("secret.skillbox-", f"secret.{UNIQUE}-").replace("variables.skillbox_", f"variables.v{UNIQUE}_")
    template, pool = json.loads(text), f"docker-{UNIQUE}"
    blocks = [f"{UNIQUE}-{name}" for name in ("db-dsn", "s3-access-key", "s3-secret-key")]
    variables = [f"v{UNIQUE}_{name}" for name in ("docker_host", "s3_endpoint")]

    async def configure() -> dict[str, str | None]:
        async with get_client() as asynchronous:
            configuration = await BaseJobConfiguration.from_template_and_values(
                template, {"env": {"SKILLBOX_MAX_MEMORY": "2Gi"}}, client=asynchronous
            )
            return configuration.env

    for name in blocks:
        Secret(value=f"fake-{name}").save(name)
    for name in variables:
        Variable.set(name, f"is-{name}")
    try:
        client.create_work_pool(WorkPoolCreate(name=pool, type="docker", base_job_template=template))
        kept = client.read_work_pool(pool).model_dump_json()
        env = asyncio.run(configure())
    finally:
        client.delete_work_pool(pool)
        for name in variables:
            Variable.unset(name)
        for name in blocks:
            Secret.delete(name)
    assert env["SKILLBOX_DB_DSN"] == f"fake-{UNIQUE}-db-dsn"
    assert env["SKILLBOX_DOCKER_HOST"] == f"is-v{UNIQUE}_docker_host"
    assert env["SKILLBOX_MAX_MEMORY"] == "2Gi"
    assert "fake-" not in kept
