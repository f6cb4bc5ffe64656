"""Python packages on the command line: which source is used, what is passed over, and when nothing is locked again."""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.commands import Command
from tests.services.wheels import use_folder, wheel

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: packed\ndescription: d\n---\n")
    (folder / "main.py").write_text("# /// script\n# dependencies = ['greeter']\n# ///\n")
    (folder / "requirements.txt").write_text("other\n")
    return folder


@pytest.fixture
def call(cli_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> Call:
    use_folder(tmp_path / "index", monkeypatch)
    wheel(tmp_path / "index", "greeter")
    indexes = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}
    ours = {name: value for name, value in cli_environment.items() if not name.startswith(("PIP_", "UV_"))}

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        given = {**ours, **indexes, "SKILLBOX_HOME": str(tmp_path / "home"), **more}
        return command(*arguments, env=given, cwd=tmp_path)

    (tmp_path / "home").mkdir()
    return run


def test_a_push_says_which_source_it_used_and_locks_an_unchanged_one_once(
    call: Call, skill: Path, tmp_path: Path
) -> None:
    first = call("skill", "push", str(skill))
    assert first.returncode == 0, first.stderr
    assert "packed@1.0.0 stored" in first.stdout
    assert "packed: greeter==1.0 by main.py, locked for Python 3.11" in first.stderr
    assert "requirements.txt is passed over: main.py says which packages the skill needs" in first.stderr
    # Neither an index nor an engine is asked again.
    (tmp_path / "index" / "greeter-1.0-py3-none-any.whl").unlink()
    again = call("skill", "push", str(skill), SKILLBOX_DOCKER_HOST=f"unix://{tmp_path}/nothing.sock")
    assert again.returncode == 0, again.stderr
    assert "packed@1.0.0 is there already" in again.stdout
    (skill / "main.py").write_text("# /// script\n# dependencies = ['greeter>=1']\n# ///\n")
    changed = call("skill", "push", str(skill))
    assert changed.returncode == 2
    assert "main.py: the index has no" in changed.stderr


def test_lint_says_what_is_passed_over_and_fetches_nothing(call: Call, skill: Path, tmp_path: Path) -> None:
    (tmp_path / "index" / "greeter-1.0-py3-none-any.whl").unlink()
    done = call("skill", "lint", str(skill), SKILLBOX_DOCKER_HOST=f"unix://{tmp_path}/nothing.sock")
    assert done.returncode == 0, done.stderr
    assert "requirements.txt is passed over" in done.stderr
    assert "not installed at run time" not in done.stderr


def test_a_machine_without_an_engine_takes_the_setting_and_says_so(call: Call, skill: Path, tmp_path: Path) -> None:
    away = {"SKILLBOX_DOCKER_HOST": f"unix://{tmp_path}/nothing.sock"}
    unknown = call("skill", "package", str(skill), **away)
    assert unknown.returncode == 4
    assert "SKILLBOX_ENVIRONMENT_PYTHON" in unknown.stderr
    done = call("skill", "package", str(skill), **away, SKILLBOX_ENVIRONMENT_PYTHON="3.12 aarch64 glibc 2.36")
    assert done.returncode == 0, done.stderr
    assert "taken for 3.12 aarch64 glibc 2.36, by the settings" in done.stderr
    with zipfile.ZipFile(tmp_path / "packed-1.0.0.zip") as archive:
        lock = archive.read("environment.lock").decode()
    assert "# python: 3.12 aarch64 glibc 2.36" in lock
    assert not list((tmp_path / "home").glob("*.db")), "packaging made a database"


def test_a_setting_that_is_no_python_is_named(call: Call, skill: Path) -> None:
    done = call("skill", "package", str(skill), SKILLBOX_ENVIRONMENT_PYTHON="3.12 on a PC")
    assert done.returncode == 2
    assert 'SKILLBOX_ENVIRONMENT_PYTHON: "3.12 on a PC" is not of the form' in done.stderr
