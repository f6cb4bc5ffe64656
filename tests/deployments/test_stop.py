"""`make stop`: what waits for a job goes first, while there are an engine and a command that can remove it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deployments.local import engine, main


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which nothing was started; what is done there is written down in this file."""
    monkeypatch.setattr(main, "STATE", tmp_path)
    monkeypatch.setattr(main, "LOGS", tmp_path / "log")
    monkeypatch.setattr(main, "VENV", tmp_path / "venv")
    said = tmp_path / "said"

    def stop(name: str) -> bool:
        with said.open("a") as file:
            file.write(f"stop {name}\n")
        return False

    monkeypatch.setattr(main, "stop_daemon", stop)
    monkeypatch.setattr(engine, "stop_private", lambda: stop("engine"))
    return said


def _command(folder: Path, script: str) -> None:
    (folder / "bin").mkdir(parents=True)
    command = folder / "bin" / "skillbox"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o700)


def test_nothing_waits_when_the_engine_is_stopped(said: Path, tmp_path: Path) -> None:
    _command(tmp_path / "venv", f'echo "skillbox $*" >>"{said}"')
    main.down()
    assert said.read_text().splitlines() == ["skillbox pool drain", "stop prefect", "stop engine"]


@pytest.mark.parametrize("command", [None, "echo no engine answers >&2; exit 4"])
def test_what_can_not_be_asked_keeps_nothing_from_being_stopped(
    said: Path, tmp_path: Path, command: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    if command:
        _command(tmp_path / "venv", command)
    main.down()
    assert said.read_text().splitlines() == ["stop prefect", "stop engine"]
    assert "answers" not in "".join(capfd.readouterr())


def test_make_run_leaves_nothing_waiting_and_ends_as_its_flow_does(tmp_path: Path) -> None:
    said, root = tmp_path / "said", Path(__file__).parents[2]
    for name, code in (("python", 3), ("skillbox", 0)):
        command = tmp_path / name
        command.write_text(f'#!/bin/sh\necho "{name} $*" >>"{said}"\nexit {code}\n')
        command.chmod(0o700)
    done = subprocess.run(
        ["make", "run", f"bin={tmp_path}", "bootstrap=true"], cwd=root, capture_output=True, text=True
    )
    assert said.read_text().splitlines() == ["python -m deployments.example", "skillbox pool drain"]
    assert (done.returncode, "Error 3" in done.stderr) == (2, True)
