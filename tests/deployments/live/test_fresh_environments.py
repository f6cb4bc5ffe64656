"""The two wheels as others install them: without our lock, with whatever their bounds allow today."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from skillbox_core import Runner
from tests.conftest import MakeSkill
from tests.prefect_skillbox.seen import eventually
from tests.services.prefect import WORKER
from tests.services.process import running

pytestmark = pytest.mark.long

UNIQUE = uuid.uuid4().hex[:8]
POOL = f"fresh-{UNIQUE}"
COUNTS = """
import json
numbers = json.load(open("/sandbox/input.json"))
json.dump(len(numbers), open("/sandbox/out/output.json", "w"))
"""


def _environment(folder: Path, *wheels: Path) -> Path:
    """A virtual environment with these wheels and what they need; its folder of programs."""
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True, timeout=60)
    command = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *map(str, wheels)]
    subprocess.run(command, check=True, timeout=300)
    return folder / "bin"


@pytest.fixture(scope="module")
def variables(runner: Runner) -> dict[str, str]:
    """Those of a person who uses the test installation and has none of the checkout's packages on a path."""
    settings = runner.installation.settings
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**inherited, "SKILLBOX_HOME": str(settings.home), "SKILLBOX_INSTANCE": settings.instance, "NO_COLOR": "1"}


def _tell(variables: dict[str, str], where: Path, *command: str | Path) -> str:
    done = subprocess.run(command, env=variables, cwd=where, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def core(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _environment(tmp_path_factory.mktemp("core") / "venv", wheels["skillbox_core"])


@pytest.fixture(scope="module")
def both(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _environment(tmp_path_factory.mktemp("both") / "venv", *wheels.values())


def test_the_core_alone_runs_a_skill_from_the_command_line_and_from_python(
    core: Path, variables: dict[str, str], make_skill: MakeSkill, tmp_path: Path
) -> None:
    name = make_skill(COUNTS)
    assert json.loads(_tell(variables, tmp_path, core / "skillbox", "run", name, "--input", "[1, 2, 3]")) == 3
    program = (
        "import importlib.util, sys\n"
        "assert importlib.util.find_spec('prefect') is None\n"
        "from skillbox_core import Runner, RunRequest\n"
        "print(Runner.from_settings().run(RunRequest(skill=sys.argv[1], input=[1, 2])).raise_for_status().output)\n"
    )
    assert _tell(variables, tmp_path, core / "python", "-c", program, name) == "2\n"
    refused = subprocess.run([core / "skillbox", "deploy", name], env=variables, capture_output=True, text=True)
    assert "no scheduler is installed beside Skillbox (install prefect-skillbox)" in refused.stderr


FLOW = """
import sys
from prefect import flow
from prefect_skillbox import skill
import deployments.numbers


@flow
def count(name: str) -> int:
    return skill(name)(deployments.numbers.NUMBERS).output
"""


@pytest.fixture(params=["with __init__.py", "without __init__.py"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project with folders that are called as ours were."""
    for name, text in {"flows/etl.py": FLOW, "deployments/numbers.py": "NUMBERS = [1, 2, 3, 4]\n"}.items():
        file = tmp_path / name
        file.parent.mkdir()
        file.write_text(text)
        if request.param == "with __init__.py":
            file.with_name("__init__.py").touch()
    return tmp_path


def test_a_project_with_folders_flows_and_deployments_of_its_own_runs_a_skill_in_a_flow(
    both: Path, variables: dict[str, str], make_skill: MakeSkill, project: Path
) -> None:
    program = "import sys; from flows.etl import count; print('counted', count(sys.argv[1]))"
    assert "counted 4" in _tell(variables, project, both / "python", "-c", program, make_skill(COUNTS))


@pytest.fixture
def worker(both: Path, variables: dict[str, str], project: Path) -> Iterator[None]:
    """A process worker that was started in the project, with a pool of its own."""
    _tell(variables, project, both / "prefect", "work-pool", "create", POOL, "--type", "process", "--overwrite")
    command = [str(both / "prefect"), "worker", "start", "--pool", POOL, "--type", "process"]
    path = {"PATH": f"{both}:{variables['PATH']}"}
    with running(command, project / "worker.log", env={**variables, **path, **WORKER}):
        yield
    with get_client(sync_client=True) as client:
        client.delete_work_pool(POOL)


@pytest.mark.usefixtures("worker")
def test_it_deploys_a_skill_to_a_process_worker(
    both: Path, variables: dict[str, str], make_skill: MakeSkill, project: Path
) -> None:
    name = make_skill(COUNTS)
    assert f"is in work pool {POOL}" in _tell(variables, project, both / "skillbox", "deploy", name, "--pool", POOL)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{name}/{name}")
        try:
            run = client.create_flow_run_from_deployment(deployment.id)
            ended = eventually(
                lambda: client.read_flow_run(run.id).state, lambda state: state and state.is_final(), seconds=120
            )
            assert ended is not None
            assert ended.is_completed(), f"{ended}\n{(project / 'worker.log').read_text()}"
        finally:
            client.delete_deployment(deployment.id)
