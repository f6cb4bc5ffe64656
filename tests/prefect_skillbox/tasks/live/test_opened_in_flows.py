"""Results open in flows, in tasks of theirs on each task runner, and afterwards, wherever Prefect's state is read."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prefect
import pytest
from packaging.version import Version
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from pydantic import SecretStr

from prefect_skillbox import SKILL_DIGEST, skill
from prefect_skillbox.config.blocks import SkillboxDatabase, SkillboxInstallation, SkillboxStorage
from prefect_skillbox.config.installation import installation_settings
from prefect_skillbox.tasks.skill_task import SkillTask
from skillbox_core import ExecutionFailedError, Runner, RunResult, load_result
from skillbox_core.errors import SettingsError
from tests.conftest import MakeSkill
from tests.prefect_skillbox.tasks.live.test_composing import RUNNERS
from tests.services import skills
from tests.services.swift import S3Service

LEAVE = """
import json
with open("/sandbox/out/files/rows.csv", "w") as file: file.write("kind,n\\na,1\\nb,2\\n")
code = json.load(open("/sandbox/input.json"))["code"]
json.dump({"rows": 2}, open("/sandbox/out/output.json", "w"))
raise SystemExit(code)
"""
ROWS = "kind,n\na,1\nb,2\n"

pytestmark = pytest.mark.usefixtures("runner")


@pytest.fixture
def leave(make_skill: MakeSkill) -> SkillTask:
    """A skill that leaves rows.csv and ends with the exit code that it is given."""
    return skill(make_skill(LEAVE))


@task
def total(result: RunResult | ExecutionFailedError) -> int:
    opened = result.result if isinstance(result, ExecutionFailedError) else result
    return int(opened.table("rows.csv")["n"].to_pandas().sum())


@pytest.mark.parametrize("kind", RUNNERS)
def test_a_task_on_each_runner_reads_what_a_skill_left(kind: str, leave: SkillTask) -> None:
    @flow(task_runner=RUNNERS[kind]())
    def read() -> tuple[int, str, int]:
        left = leave.submit({"code": 0})
        failed = leave.submit({"code": 1})
        failed.wait()
        error = failed.result(raise_on_failure=False)
        assert isinstance(error, ExecutionFailedError)
        return total.submit(left).result(), left.result().read_text("rows.csv"), total.submit(error).result()

    assert read() == (3, ROWS, 3)


def test_an_async_flow_reads_them_without_blocking(leave: SkillTask) -> None:
    @flow
    async def read() -> tuple[dict[str, Any], bytes]:
        result = await asyncio.to_thread(leave.submit({"code": 0}).result)
        table = await result.atable("rows.csv", ["n"])
        return table.to_pydict(), await result.aread_bytes("rows.csv")

    assert asyncio.run(read()) == ({"n": [1, 2]}, ROWS.encode())


def test_a_cached_result_opens(leave: SkillTask) -> None:
    cached = leave.with_options(cache_policy=SKILL_DIGEST)

    @flow
    def once() -> tuple[str | None, str]:
        state = cached({"code": 0}, return_state=True)
        return state.name, state.result().read_text("rows.csv")

    assert [once(), once()] == [("Completed", ROWS), ("Cached", ROWS)]


ELSEWHERE = """
import sys, uuid
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    result = client.read_flow_run(uuid.UUID(sys.argv[1])).state.result()
print(type(result).__name__, result.tenant, result.read_text("rows.csv"))
"""


AS_DICT = pytest.mark.xfail(
    Version(prefect.__version__) < Version("3.9"),
    reason="Prefect takes any model that it kept as JSON for a record of an old format, and gives its fields",
)


@pytest.mark.parametrize("serializer", ["pickle", pytest.param("json", marks=AS_DICT)])
@pytest.mark.parametrize("tenant", ["default", "acme"])
def test_what_a_flow_returned_opens_in_another_process(runner: Runner, serializer: str, tenant: str) -> None:
    name = f"t-{uuid.uuid4().hex[:12]}"
    skills.push(runner, name, LEAVE, tenant=tenant)

    @flow(persist_result=True, result_serializer=serializer)
    def returned() -> RunResult:
        result: RunResult = skill(name, tenant=tenant)({"code": 0})
        return result

    state: State[Any] = returned(return_state=True)
    run = str(state.state_details.flow_run_id)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, run], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"SkillResult {tenant} {ROWS}\n"), done.stderr


@pytest.fixture
def block(s3: S3Service, tmp_path: Path) -> Iterator[str]:
    """A block of an installation with another store and database than this process's."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    SkillboxInstallation(
        storage=SkillboxStorage(
            s3_endpoint=s3.endpoint,
            s3_access_key=s3.access_key,
            s3_secret_key=SecretStr(s3.secret_key),
            s3_bucket_skills=f"skills-{name}",
            s3_bucket_executions=f"executions-{name}",
        ),
        database=SkillboxDatabase(db_dsn=SecretStr(f"sqlite:///{tmp_path}/team.db")),
    ).save(name)
    yield name
    with get_client(sync_client=True) as client:
        for document in client.read_block_documents_by_type("skillbox-installation"):
            if document.name == name:
                client.delete_block_document(document.id)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_skill_of_a_blocks_installation_opens_there(kind: str, block: str, s3: S3Service) -> None:
    settings = installation_settings(block)
    name = f"t-{uuid.uuid4().hex[:12]}"
    skills.push(Runner.from_settings(settings), name, LEAVE)
    theirs = skill(name, installation=block)

    @flow(task_runner=RUNNERS[kind](), persist_result=True)
    def read() -> tuple[int, RunResult]:
        left = theirs.submit({"code": 0})
        return total.submit(left).result(), left.result()

    state: State[Any] = read(return_state=True)
    with get_client(sync_client=True) as client:
        summed, result = client.read_flow_run(state.state_details.flow_run_id).state.result()
    assert (summed, result.read_text("rows.csv")) == (3, ROWS)
    assert load_result(result.execution_id, settings=settings).read_text("rows.csv") == ROWS
    kept = str(vars(result)) + str(result.__pydantic_private__)
    assert s3.secret_key not in kept
    assert "sqlite" not in kept
    result._installation = "no such block"
    with pytest.raises(SettingsError, match="no such block"):
        result.open("rows.csv")
