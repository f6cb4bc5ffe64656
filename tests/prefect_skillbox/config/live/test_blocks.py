"""An installation's configuration and secrets in Prefect blocks: used where a skill runs, shown nowhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import cloudpickle
import pytest
from prefect import flow
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.states import Crashed
from pydantic import SecretStr

from prefect_skillbox import run_skill, secret, skill, stop_skills, stop_skills_on
from prefect_skillbox.config.blocks import (
    SkillboxDatabase,
    SkillboxEngine,
    SkillboxInstallation,
    SkillboxLimits,
    SkillboxStorage,
)
from prefect_skillbox.config.installation import installation_settings
from prefect_skillbox.config.secrets import Secrets
from skillbox_core import ExecutionFailedError, Runner, RunOptions, RunRequest, Settings, Status
from skillbox_core.errors import InvalidRequestError, SettingsError
from skillbox_core.operations.orphans import end_owner
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox.container import LABEL_OWNER
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen
from tests.services.settling import containers_left

CANARY = "canary-5ecret-value"
LIMITS = SkillboxLimits(max_timeout="1m", default_timeout="30s", max_cpu="1")


@pytest.fixture
def name() -> Iterator[str]:
    """A name for blocks, whose documents are taken away again."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    yield name
    kinds: list[type[Block]] = [Secret, SkillboxInstallation]
    with get_client(sync_client=True) as client:
        for kind in kinds:
            for document in client.read_block_documents_by_type(str(kind.get_block_type_slug())):
                if document.name == name:
                    client.delete_block_document(document.id)


def test_an_installation_can_be_kept_in_prefect_and_its_secrets_are_not_shown(name: str) -> None:
    SkillboxInstallation(
        engine=SkillboxEngine(instance="team", image_aliases={"a": "b"}, image_allowlist=["a"]),
        storage=SkillboxStorage(
            s3_endpoint="store:9000", s3_access_key="user", s3_secret_key=SecretStr(CANARY), s3_use_ssl=True
        ),
        database=SkillboxDatabase(db_dsn=SecretStr(f"postgresql://u:{CANARY}@db/x")),
        limits=LIMITS,
    ).save(name)
    settings = installation_settings(name)
    assert (settings.instance, settings.image_allowlist, dict(settings.image_aliases)) == ("team", ("a",), {"a": "b"})
    assert (settings.s3_endpoint, settings.s3_secret_key, settings.s3_use_ssl) == ("store:9000", CANARY, True)
    assert settings.database == f"postgresql://u:{CANARY}@db/x"
    assert (settings.max_timeout, settings.default_memory) == ("1m", Settings().default_memory)
    assert CANARY not in repr(settings) + repr(SkillboxInstallation.load(name))
    with get_client(sync_client=True) as client:
        shown = client.read_block_document_by_name(name, "skillbox-installation", include_secrets=False)
    assert CANARY not in shown.model_dump_json()


def test_the_page_says_which_settings_no_block_has() -> None:
    parts = (SkillboxEngine, SkillboxStorage, SkillboxDatabase, SkillboxLimits)
    missing = set(Settings.model_fields) - {field for part in parts for field in part.model_fields}
    page = " ".join((Path(__file__).parents[4] / "docs" / "observability.md").read_text("utf-8").split())
    sentence = page.partition("are secret fields. ")[2].partition("have no field")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) | {"home"} == missing


def test_a_skill_runs_on_the_installation_that_a_block_names(name: str, make_skill: MakeSkill) -> None:
    SkillboxInstallation(limits=LIMITS).save(name)
    slow = skill(make_skill("pass"), installation=name, timeout="2m")

    @flow
    def run() -> None:
        slow({})

    with pytest.raises(ExecutionFailedError, match="over this installation's limit of 1m"):
        run()


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (SkillboxInstallation(limits=SkillboxLimits(max_timeout="1s")), "SKILLBOX_DEFAULT_TIMEOUT"),
        (
            SkillboxInstallation(
                storage=SkillboxStorage(s3_endpoint="s", s3_access_key="", s3_secret_key=SecretStr(CANARY))
            ),
            "ACCESS_KEY",
        ),
        (SkillboxInstallation(engine=SkillboxEngine(instance="not a name")), "SKILLBOX_INSTANCE"),
        (None, "does not exist"),
    ],
)
def test_what_is_wrong_with_a_block_is_said_without_its_secrets(
    name: str, block: SkillboxInstallation | None, said: str
) -> None:
    if block:
        block.save(name)
    with pytest.raises(SettingsError, match=said) as caught:
        installation_settings(name)
    assert CANARY not in str(caught.value)


def test_a_secret_block_reaches_the_skill_and_nothing_else(name: str, make_skill: MakeSkill, runner: Runner) -> None:
    Secret(value=CANARY).save(name)  # type: ignore[arg-type]
    script = (
        "import json, os, sys; key = os.environ['API_KEY']; print(key); print(key, file=sys.stderr)\n"
        "open('/sandbox/out/files/' + key, 'w').write('x')\n"
        "json.dump({'length': len(key), 'key': key}, open('/sandbox/out/output.json', 'w'))"
    )
    skill_name = make_skill(script)
    task = skill(skill_name, env={"API_KEY": secret(name), "CITY": "Bern"})
    assert CANARY.encode() not in cloudpickle.dumps(task)

    @flow
    def use() -> int:
        return task({}).output["length"]

    state = use(return_state=True)
    assert state.result() == len(CANARY)
    run = seen.run_id(state)
    found = seen.artifacts(run, lambda found: f"skill-{skill_name}" in found)
    logged = seen.logs(run, lambda found: sum(log.message == "***" for log in found) == 2)
    (listed,) = runner.installation.executions.list("default", skill=skill_name)
    row = runner.installation.executions.get("default", listed.id)
    told = seen.events(lambda found: len(found) > 1, resource=f"skillbox.execution.{row.id}")
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])))
        everything = [client.read_flow_run(run), runs, found, logged, told, state, row.logs, row.input, row.error]
    assert CANARY not in str(everything)


def test_a_secret_that_is_not_there_or_not_text_is_named_and_not_shown(name: str) -> None:
    secrets = Secrets.of({"API_KEY": secret(name)})
    request = RunRequest(skill="x", env=secrets.placeholders)
    with pytest.raises(InvalidRequestError, match=f"{name}.* API_KEY does not exist"):
        secrets.reveal(request)
    Secret(value={"key": CANARY}).save(name)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="holds a dict") as caught:
        secrets.reveal(request)
    assert CANARY not in str(caught.value)


def test_a_value_that_is_no_text_is_refused_where_the_skill_is_defined() -> None:
    with pytest.raises(InvalidRequestError, match=r"API_KEY is a Secret, not text .*secret\("):
        skill("x", env={"API_KEY": Secret(value=CANARY)})  # type: ignore[arg-type, dict-item]


def test_loading_the_blocks_changes_nothing_in_the_process_that_loads_them(tmp_path: Path) -> None:
    (tmp_path / ".skillbox").mkdir()
    (tmp_path / ".skillbox" / ".env").write_text("PREFECT_API_URL=http://127.0.0.1:1/api\nSKILLBOX_INSTANCE=other\n")
    code = """
import os, sys, prefect.blocks.core
before, environment = set(sys.modules), dict(os.environ)
from prefect.plugins import load_prefect_collections
assert "skillbox" in load_prefect_collections()
heavy = ("prefect_skillbox", "skillbox", "docker", "sqlalchemy", "s3fs")
loaded = {name for name in set(sys.modules) - before if name.startswith(heavy)}
assert loaded == {"prefect_skillbox", "prefect_skillbox.config", "prefect_skillbox.config.blocks"}, loaded
assert dict(os.environ) == environment
"""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "SKILLBOX_"))}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_blocks_can_be_registered() -> None:
    command = [
        str(Path(sys.executable).with_name("prefect")),
        "block",
        "register",
        "-m",
        "prefect_skillbox.config.blocks",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for kind in ("Engine", "Storage", "Database", "Limits", "Installation"):
        assert f"Skillbox {kind}" in done.stdout


def test_a_runner_is_shared_in_its_process_only_and_is_not_kept_under_a_password(runner: Runner) -> None:
    program = (
        "import os; from prefect_skillbox.config import installation\n"
        "from skillbox_core.installation import _installations as installations\n"
        "settings = installation.installation_settings().model_copy(update={'s3_secret_key': 'canary-5ecret-value'})\n"
        "ours = installation.installation_for(settings)\n"
        "assert installation.installation_for(settings) is ours\n"
        "assert 'canary' not in str(list(installations))\n"
        "child = os.fork()\n"
        "if not child: os._exit(installation.installation_for(settings) is ours)\n"
        "assert os.waitpid(child, 0)[1] == 0, 'a child used the connections of its parent'\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env={**os.environ, "SKILLBOX_HOME": str(runner.installation.settings.home)},
    )


@pytest.mark.parametrize("which", ["run-skill", "of one's own", "the process's own"])
def test_a_flow_runs_hook_ends_its_skills_on_the_installation_where_they_are(
    name: str, which: str, runner: Runner, make_skill: MakeSkill
) -> None:
    SkillboxInstallation(engine=SkillboxEngine(instance=name)).save(name)
    hooks = {"run-skill": run_skill.on_crashed_hooks[0], "of one's own": stop_skills_on(name)}
    there = Runner.from_settings(installation_settings(name))
    request = RunRequest(skill=make_skill("import time; time.sleep(100)"))
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(run_skill, parameters={"skill": request.skill, "installation": name})
    options, steps = RunOptions(owner=str(run.id)), Steps(there.installation)
    execution = steps.create_record(request, options)
    steps.create_container(execution, steps.load_skill(execution, options), request, options)
    try:
        hooks.get(which, stop_skills)(flow=run_skill, flow_run=run, state=Crashed())  # type: ignore[call-arg]
        left = len(containers_left(there.installation.engine, {LABEL_OWNER: str(run.id)}))
        status = there.installation.executions.get("default", execution.id).status
        assert (left, status) == ((1, "running") if which not in hooks else (0, "failed"))
    finally:
        end_owner(there.installation, str(run.id), Status.CANCELLED)
