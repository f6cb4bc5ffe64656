"""Which installation a command uses, and that looking makes none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skillbox_core.base import env_file
from skillbox_core.base.text import without_user
from skillbox_core.cli.app import app
from skillbox_core.cli.output import exit_code_of
from skillbox_core.errors import SkillboxError

SKILLBOX = str(Path(sys.executable).parent / "skillbox")
LOOKING = [
    ["skill", "list"],
    ["skill", "show", "x"],
    ["exec", "list"],
    ["exec", "show", "0" * 32],
    ["run", "x"],
    ["cleanup", "--dry-run"],
    ["health"],
    ["doctor", "--json"],
]


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The environment of a user without any installation, and whose engine is nowhere."""
    (tmp_path / "user").mkdir()
    (tmp_path / "project").mkdir()
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("SKILLBOX_", "PREFECT_"))}
    return {**ours, "HOME": str(tmp_path / "user"), "SKILLBOX_DOCKER_HOST": f"unix://{tmp_path}/none.sock"}


def skillbox(user: dict[str, str], folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What the command line says and does, without the seconds that its processes would take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(os, "environ", {**user, **more})
        done = CliRunner().invoke(app, arguments)
    code, said = done.exit_code, done.stderr
    if isinstance(done.exception, SkillboxError):
        code, said = exit_code_of(done.exception.reason), said + str(done.exception)
    elif done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(arguments, code, done.stdout, said)


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("arguments", LOOKING, ids=" ".join)
def test_looking_makes_no_installation_and_says_that_there_is_none(
    user: dict[str, str], tmp_path: Path, arguments: list[str]
) -> None:
    done = skillbox(user, tmp_path / "project", *arguments)
    assert done.returncode in (2, 4), done
    said = done.stdout + done.stderr
    assert ("there is no installation" in said, "`skillbox setup` makes" in said) == (True, True), said
    assert everything(tmp_path) == {"user", "project"}


@pytest.mark.parametrize("arguments", LOOKING, ids=" ".join)
def test_looking_into_a_folder_that_is_somebody_elses_writes_nothing_there(
    user: dict[str, str], tmp_path: Path, arguments: list[str]
) -> None:
    skillbox(user, tmp_path / "user", *arguments, SKILLBOX_HOME=str(tmp_path / "project"))
    assert everything(tmp_path) == {"user", "project"}


def test_a_push_into_no_installation_is_refused_with_the_command_that_makes_one(
    user: dict[str, str], tmp_path: Path
) -> None:
    skillbox(user, tmp_path / "project", "init", "x")
    before = everything(tmp_path)
    done = skillbox(user, tmp_path / "project", "skill", "push", "x")
    assert done.returncode == 2
    assert f"there is no installation: {tmp_path}/project and the folders above it have no .skillbox" in done.stderr
    assert "`skillbox setup` makes" in done.stderr
    assert everything(tmp_path) == before


def test_a_mistyped_home_is_an_error_with_the_way_out(user: dict[str, str], tmp_path: Path) -> None:
    for arguments in (*LOOKING, ["skill", "push", "x"], ["skill", "package", "x"]):
        done = skillbox(user, tmp_path, *arguments, SKILLBOX_HOME=f"{tmp_path}/skilbox")
        assert done.returncode == 2, done
        assert f"SKILLBOX_HOME={tmp_path}/skilbox does not exist" in done.stderr
        assert "`skillbox setup`" in done.stderr
    assert everything(tmp_path) == {"user", "project"}


def test_parts_that_are_named_are_an_installation_and_its_home_is_made_by_the_first_push(
    user: dict[str, str], tmp_path: Path
) -> None:
    dsn = {"SKILLBOX_DB_DSN": f"sqlite:///{tmp_path}/records/x.db"}
    assert skillbox(user, tmp_path / "project", "skill", "list", **dsn).returncode == 0
    assert everything(tmp_path) == {"user", "project"}
    skillbox(user, tmp_path / "project", "init", "x")
    assert "x@1.0.0 stored" in skillbox(user, tmp_path / "project", "skill", "push", "x", **dsn).stdout
    assert (tmp_path / "records" / "x.db").is_file()
    assert (tmp_path / "user" / ".skillbox" / "store" / "skills").is_dir()


def test_a_home_that_is_only_a_cache_need_not_be_there(user: dict[str, str], tmp_path: Path) -> None:
    parts = {"SKILLBOX_DB_DSN": "sqlite://", "SKILLBOX_S3_ENDPOINT": "127.0.0.1:1", "SKILLBOX_S3_ACCESS_KEY": "a"}
    done = skillbox(user, tmp_path, "exec", "list", **parts, SKILLBOX_S3_SECRET_KEY="b", SKILLBOX_HOME="/no/where")
    assert (done.returncode, "no executions" in done.stderr) == (0, True), done


@pytest.mark.parametrize("name", ["a b", "100%", "it's", "what?", "\u00fc #1"])
def test_after_a_cd_the_shell_uses_the_installation_whose_env_it_read(
    user: dict[str, str], tmp_path: Path, name: str
) -> None:
    home = tmp_path / name / ".skillbox"
    home.mkdir(parents=True)
    (home / ".env").write_text(env_file.merge("", {"SKILLBOX_HOME": str(home)}, ()), "utf-8")
    skillbox(user, home.parent, "init", "x")
    assert "stored" in skillbox(user, home.parent, "skill", "push", "x").stdout
    script = 'cd "$1"; set -a; . .skillbox/.env; set +a; cd /; shift; exec "$@"'
    command = ["bash", "-c", script, "bash", str(home.parent), SKILLBOX, "skill", "list"]
    done = subprocess.run(command, env=user, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("x\t"), done


def test_a_copy_of_an_installation_is_not_the_one_that_it_was_copied_from(user: dict[str, str], tmp_path: Path) -> None:
    for place in ("project", "user"):
        home = tmp_path / place / ".skillbox"
        home.mkdir()
        (home / ".env").write_text(f"SKILLBOX_HOME={tmp_path}/project/.skillbox\n")
    skillbox(user, tmp_path / "project", "init", "x")
    assert "stored" in skillbox(user, tmp_path / "project", "skill", "push", "x").stdout
    assert f"in {tmp_path}/user/.skillbox/store/skills yet" in skillbox(user, tmp_path / "user", "skill", "list").stderr


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["run", "x"], "/project/store/skills"),
        (["skill", "show", "x"], "/project/store/skills"),
        (["skill", "show", "x@1.0.0"], "/project/store/skills"),
        (["skill", "delete", "x@1.0.0"], "/project/store/skills"),
        (["skill", "list"], "/project/store/skills"),
        (["exec", "list"], "/project/skillbox.db"),
        (["exec", "list", "--skill", "x"], "/project/skillbox.db"),
        (["exec", "logs", "0" * 8], "/project/skillbox.db"),
        (["exec", "files", "0" * 32], "/project/skillbox.db"),
    ],
)
def test_what_is_not_there_is_said_with_where_it_was_looked_for(
    user: dict[str, str], tmp_path: Path, arguments: list[str], where: str
) -> None:
    done = skillbox(user, tmp_path, *arguments, SKILLBOX_HOME=str(tmp_path / "project"))
    assert f"{tmp_path}{where}" in done.stderr, done


def test_the_doctor_names_an_installation_that_is_missing_and_looks_at_the_rest(
    user: dict[str, str], tmp_path: Path
) -> None:
    checks = json.loads(skillbox(user, tmp_path / "project", "doctor", "--json").stdout)
    by_part = {check["part"]: check for check in checks}
    assert by_part["installation"]["level"] == "FAIL"
    assert "`skillbox setup`" in by_part["installation"]["advice"]
    assert {"engine", "prefect"} <= by_part.keys()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("host:9000", "host:9000"),
        ("https://host:9000/x", "https://host:9000/x"),
        ("https://u:pa/ss@host", "https://host"),
        ("u:p@ss@host:1", "host:1"),
    ],
)
def test_an_address_is_shown_without_its_user(url: str, shown: str) -> None:
    assert without_user(url) == shown
