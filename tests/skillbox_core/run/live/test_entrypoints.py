"""A call by the name that an overlay gives it is that call, and its record says so."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, func, select
from typer.testing import CliRunner

from skillbox_core import Runner, RunOptions, RunRequest, Settings, Status
from skillbox_core.cli.app import app
from skillbox_core.errors import InvalidRequestError, RunnerNotImplementedError
from skillbox_core.models import Call
from skillbox_core.skills.package import package
from skillbox_core.storage.database import Database
from skillbox_core.storage.tables import ExecutionRow

ECHO = "import json, sys\nprint(json.dumps(sys.argv[1:]))\n"
OVERLAY = """
requires: [python3]
entrypoints:
  strict:
    script: scripts/echo.py
    args: [--strict, "{input.title}"]
    input_schema: {type: object, properties: {title: {maxLength: 9}}}
    output_schema: {type: array, maxItems: 2}
  wide: {script: scripts/echo.py, args: [a, b, c], output_schema: {type: array, maxItems: 2}}
  filed: {script: scripts/echo.py, args: ["{files}"], input_files: ["*.csv"]}
"""

Push = Callable[..., str]


@pytest.fixture
def cli(installation: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command line, on the tests' installation."""
    monkeypatch.setenv("SKILLBOX_HOME", str(installation.home))
    monkeypatch.setenv("SKILLBOX_INSTANCE", installation.instance)
    return lambda *args: CliRunner().invoke(app, [*map(str, args)])


@pytest.fixture
def push(runner: Runner, tmp_path: Path) -> Push:
    """Pushes a foreign skill with an overlay."""

    def pushed(overlay: str = OVERLAY, name: str | None = None) -> str:
        name = name or f"foreign-{uuid.uuid4().hex[:8]}"
        folder = tmp_path / name
        (folder / "scripts").mkdir(parents=True, exist_ok=True)
        (folder / "SKILL.md").write_text(f"---\nname: {name}\ndescription: A test.\n---\nDo it.\n")
        (folder / "scripts/echo.py").write_text(ECHO)
        made = package(folder, tmp_path / "made.zip", 1024**2, overlay=overlay.encode())
        runner.installation.registry.push("default", made.path)
        return name

    return pushed


def test_an_entrypoint_is_run_by_its_name_and_recorded_as_what_it_is(runner: Runner, push: Push, cli: Any) -> None:
    name = push()
    request = RunRequest(skill=f"{name}#strict", input={"title": "one"})
    options = RunOptions(key=uuid.uuid4().hex)
    result = runner.run(request, options)
    assert (result.skill, result.output) == (name, ["--strict", "one"]), result.error
    assert result.call == Call(script="scripts/echo.py", args=("--strict", "{input.title}"), entrypoint="strict")
    assert runner.run(request, options).execution_id == result.execution_id
    with pytest.raises(InvalidRequestError, match="another request"):
        runner.run(request.model_copy(update={"skill": f"{name}#wide"}), options)
    shown = cli("exec", "show", result.execution_id)
    assert '"entrypoint": "strict"' in shown.stdout
    assert '"script": "scripts/echo.py"' in shown.stdout


def test_what_an_entrypoint_says_of_input_result_and_files_is_checked(runner: Runner, push: Push) -> None:
    name = push()
    long = runner.run(RunRequest(skill=f"{name}#strict", input={"title": "far too long"}))
    assert "does not fit the input_schema" in str(long.error)
    wide = runner.run(RunRequest(skill=f"{name}#wide"))
    assert "does not fit the skill's output_schema" in str(wide.error)
    assert "needs the file *.csv" in str(runner.run(RunRequest(skill=f"{name}#filed")).error)


def test_what_can_not_be_called_is_an_error_before_there_is_a_record(runner: Runner, push: Push) -> None:
    name = push()
    with pytest.raises(InvalidRequestError, match=r"did you mean strict\? it has strict, wide, filed"):
        runner.run(RunRequest(skill=f"{name}#strickt"))
    with pytest.raises(InvalidRequestError, match="title"):
        runner.run(RunRequest(skill=f"{name}#strict", input={}))
    with pytest.raises(RunnerNotImplementedError, match=f"skillbox run {name}#strict"):
        runner.run(RunRequest(skill=name))
    records = select(func.count()).select_from(ExecutionRow).where(col(ExecutionRow.skill_name) == name)
    with Database(runner.installation.settings.database).session() as session:
        assert session.exec(records).one() == 0


def test_an_image_without_a_required_command_makes_no_container_of_the_skill(runner: Runner, push: Push) -> None:
    result = runner.run(RunRequest(skill=push("requires: [no-such-tool]\n" + OVERLAY.split("\n", 2)[2]) + "#wide"))
    assert result.status is Status.FAILED
    assert "has no no-such-tool" in str(result.error)
    with Database(runner.installation.settings.database).session() as session:
        assert session.get_one(ExecutionRow, result.execution_id).image_id is None


def test_a_wrong_input_is_found_before_anything_is_asked_of_the_image(runner: Runner, push: Push) -> None:
    name = push(OVERLAY.replace("[python3]", "[no-such-tool]"))
    result = runner.run(RunRequest(skill=f"{name}#strict", input={"title": "far too long"}))
    assert "does not fit the input_schema" in str(result.error)


def test_the_command_line_takes_an_overlay_and_an_entrypoint(cli: Any, tmp_path: Path) -> None:
    name = f"foreign-{uuid.uuid4().hex[:8]}"
    folder, overlay = tmp_path / name, tmp_path / "overlay.yaml"
    (folder / "scripts").mkdir(parents=True)
    (folder / "SKILL.md").write_text(f"---\nname: {name}\ndescription: A test.\n---\nDo it.\n")
    (folder / "scripts/echo.py").write_text(ECHO)
    overlay.write_text(OVERLAY)
    for expected in (f"{name}@1.0.0 stored", f"{name}@1.0.0 is there already"):
        assert expected in cli("skill", "push", folder, "--overlay", overlay).stdout
    overlay.write_text(OVERLAY + "timeout: 50s\n")
    assert f"{name}@1.0.1 stored" in cli("skill", "push", folder, "--overlay", overlay).stdout
    shown = cli("skill", "show", name).stdout
    assert "entrypoints: strict, wide, filed" in shown
    assert '"script": "scripts/echo.py"' in shown
    ran = cli("run", f"{name}@^1#strict", "--input", '{"title": "x"}')
    assert json.loads(ran.stdout) == ["--strict", "x"], ran.output
    cli("skill", "export", name, tmp_path / "exported")
    assert "1.0.1 stored" in cli("skill", "import", tmp_path / "exported", "--tenant", "away").stdout
    ran = cli("run", f"{name}#strict", "--input", '{"title": "y"}', "--tenant", "away")
    assert json.loads(ran.stdout) == ["--strict", "y"], ran.output
    both = cli("run", f"{name}#strict", "scripts/echo.py")
    assert both.exit_code
    assert "is another call" in str(both.exception)
    overlay.write_text("nme: x\n")
    assert "did you mean name?" in cli("skill", "lint", folder, "--overlay", overlay).output
