"""What one tenant has, no other reaches: by the command line and in flows."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect import flow

from prefect_skillbox import run_skill, skill
from skillbox_core import Runner, RunOptions, RunRequest, RunResult, Settings, SkillNotFoundError, Status
from skillbox_core.skills.package import package
from tests.services.commands import Command

CANARY = "acme-canary-not-a-real-plan"
Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def theirs(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A finished execution of the tenant acme, with a canary in its input, output, logs and files."""
    folder = tmp_path_factory.mktemp("acme") / "acme-plan"
    folder.mkdir()
    (folder / "SKILL.md").write_text(f"---\nname: acme-plan\ndescription: {CANARY}\nlang: bash\n---\n{CANARY}\n")
    (folder / "main.sh").write_text('cat /sandbox/input.json | tee "$SANDBOX_OUTPUT" /sandbox/out/files/plan\n')
    target = folder.parent / "acme.zip"
    package(folder, target, runner.installation.settings.max_skill_size)
    runner.installation.registry.push("acme", target)
    result = runner.run(RunRequest(skill="acme-plan", input={"plan": CANARY}), RunOptions(tenant="acme"))
    assert result.status is Status.SUCCESS, result
    return result


@pytest.fixture
def cli(cli_environment: dict[str, str], theirs: RunResult, command: Command) -> Cli:
    def call(*arguments: str, tenant: str = "rival") -> subprocess.CompletedProcess[str]:
        named = [argument.format(id=theirs.execution_id) for argument in arguments]
        return command(*named, "--tenant", tenant, env=cli_environment, timeout=60)

    return call


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "acme-plan"], 2),
        (["run", "acme-plan@1.0.0", "--json"], 2),
        (["skill", "list"], 0),
        (["skill", "list", "--json"], 0),
        (["skill", "show", "acme-plan"], 2),
        (["skill", "delete", "acme-plan@1.0.0"], 2),
        (["exec", "list"], 0),
        (["exec", "list", "--skill", "acme-plan", "--json"], 0),
        (["exec", "show", "{id}"], 2),
        (["exec", "show", "{id}", "--json"], 2),
        (["exec", "logs", "{id}"], 2),
        (["exec", "files", "{id}"], 2),
        (["exec", "files", "{id}", "--download", "out"], 2),
        (["exec", "files", "{id}", "--cat", "plan"], 2),
        (["exec", "open", "{id}", "plan"], 2),
    ],
)
def test_no_command_gives_another_tenant_anything(
    cli: Cli, arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: RunResult
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli(*arguments)
    assert done.returncode == code, done.stderr
    said = done.stdout + done.stderr
    assert CANARY not in said
    assert not list(tmp_path.rglob("*"))
    if code == 0:
        assert "acme" not in said


def test_its_own_tenant_has_it_still(cli: Cli) -> None:
    own = cli("exec", "show", "{id}", "--json", tenant="acme")
    assert json.loads(own.stdout)["output"] == {"plan": CANARY}, own.stderr
    assert cli("skill", "list", tenant="acme").stdout.startswith("acme-plan")


@pytest.mark.parametrize(
    "arguments", [["skill", "list"], ["run", "acme-plan"], ["exec", "list"], ["exec", "logs", "{id}"]]
)
def test_a_tenant_that_is_no_name_is_refused(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments, tenant="../acme")
    assert done.returncode == 2, done.stderr
    assert CANARY not in done.stdout + done.stderr


def test_flows_run_for_one_tenant(installation: Settings, theirs: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILLBOX_HOME", str(installation.home))
    monkeypatch.setenv("SKILLBOX_INSTANCE", installation.instance)
    plan, stolen = skill("acme-plan", tenant="acme"), skill("acme-plan", tenant="rival")

    @flow
    def steal() -> None:
        assert plan({"plan": "x"}).tenant == "acme"
        stolen({"plan": "x"})

    with pytest.raises(SkillNotFoundError):
        steal()
    with pytest.raises(SkillNotFoundError):
        run_skill("acme-plan", tenant="rival")
