"""`skillbox setup` for people who installed a wheel: which engine it finds, what it writes, what it says is missing."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skillbox_core.base import env_file
from skillbox_core.cli.app import app
from skillbox_core.operations import doctor, set_up
from skillbox_core.operations.engine_checks import Check
from skillbox_core.operations.engine_search import candidates, search
from skillbox_core.operations.host_system import System, engine_advice, system_of
from skillbox_core.settings import Settings, load_settings
from tests.services.docker_contexts import add_context

DEBIAN = System("Debian 12", "debian")


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home folder on a machine where no engine is where engines usually are."""
    home = tmp_path / "user"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH",)}
    environment = {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    monkeypatch.setattr(os, "environ", environment)
    for module in ("engine_address", "engine_search"):
        owner = "base" if module == "engine_address" else "operations"
        monkeypatch.setattr(f"skillbox_core.{owner}.{module}.SYSTEM_SOCKET", f"unix://{tmp_path}/system.sock")
    monkeypatch.chdir(home)
    return home


def test_without_an_engine_there_is_an_installation_and_what_is_missing_is_said(user: Path) -> None:
    checks = list(set_up.set_up(set_up.chosen_home(None), DEBIAN))
    assert [(check.part, check.level) for check in checks] == [("installation", "OK"), ("engine", "FAIL")]
    assert checks[1].found == "no container engine answers on this system (Debian 12)"
    assert "`sudo apt-get update && sudo apt-get install -y docker.io` installs one" in checks[1].advice
    home = user / ".skillbox"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600
    assert env_file.read(home / ".env").keys() == {"SKILLBOX_HOME", "SKILLBOX_INSTANCE"}
    assert load_settings().home == home


def test_the_folder_that_is_named_gets_the_installation_and_other_lines_stay(user: Path, tmp_path: Path) -> None:
    home = set_up.chosen_home(tmp_path / "it's here")
    home.mkdir(parents=True)
    (home / ".env").write_text("PREFECT_API_URL=x\nSKILLBOX_INSTANCE=mine\nSKILLBOX_HOME=/old\n")
    list(set_up.set_up(home, DEBIAN))
    assert env_file.read(home / ".env") == {
        "PREFECT_API_URL": "x",
        "SKILLBOX_INSTANCE": "mine",
        "SKILLBOX_HOME": f"{tmp_path}/it's here/.skillbox",
    }


def test_an_engine_that_was_asked_for_and_does_not_answer_is_named_and_no_other_is_taken(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "SKILLBOX_DOCKER_HOST", "unix:///no/such.sock")
    checks = list(set_up.set_up(user / ".skillbox", DEBIAN))
    assert [(check.part, check.level) for check in checks] == [("installation", "OK"), ("engine", "FAIL")]
    assert "SKILLBOX_DOCKER_HOST: the container engine at unix:///no/such.sock did not answer" in checks[1].found
    assert checks[1].advice == "start it, or `unset SKILLBOX_DOCKER_HOST`, then `skillbox setup` again"


def test_two_installations_have_two_names_on_one_engine(user: Path, tmp_path: Path) -> None:
    homes = [tmp_path / name / ".skillbox" for name in ("a", "b")]
    for home in homes:
        list(set_up.set_up(home, DEBIAN))
    assert len({env_file.read(home / ".env")["SKILLBOX_INSTANCE"] for home in homes}) == 2


def test_a_path_that_no_env_file_can_name_is_refused_with_the_way_out(user: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["setup", f"{tmp_path}/it's $5"])
    assert "can't stand in an .env" in str(done.exception)
    assert "SKILLBOX_HOME names a folder" in str(done.exception)


def test_engines_are_looked_for_where_they_are_named_then_where_they_usually_are(tmp_path: Path) -> None:
    add_context(tmp_path / ".docker", "other", "unix:///other.sock")
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "other"}')
    environment = {"HOME": "/u", "DOCKER_HOST": "unix:///named", "DOCKER_CONFIG": str(tmp_path / ".docker")}
    assert list(candidates(environment, Path("/u"), 1000, "unix:///known").items()) == [
        ("unix:///named", "DOCKER_HOST"),
        ("unix:///known", "the installation's .env"),
        ("unix:///other.sock", "Docker's current context"),
        ("unix:///var/run/docker.sock", "the usual socket"),
        ("unix:///run/user/1000/docker.sock", "rootless Docker"),
        ("unix:///u/.docker/run/docker.sock", "Docker Desktop"),
        ("unix:///u/.docker/desktop/docker.sock", "Docker Desktop"),
        ("unix:///u/.orbstack/run/docker.sock", "OrbStack"),
        ("unix:///u/.colima/default/docker.sock", "Colima"),
        ("unix:///u/.rd/docker.sock", "Rancher Desktop"),
        ("unix:///run/user/1000/podman/podman.sock", "rootless Podman"),
        ("unix:///run/podman/podman.sock", "Podman"),
    ]
    asked = {**environment, "SKILLBOX_DOCKER_HOST": "unix:///mine"}
    assert candidates(asked, Path("/u"), 0, "unix:///known") == {"unix:///mine": "SKILLBOX_DOCKER_HOST"}


def test_what_somebody_named_is_told_and_what_is_only_usual_is_passed_over(tmp_path: Path) -> None:
    tried = search({"ssh://far": "DOCKER_HOST", f"unix://{tmp_path}/none": "rootless Docker"})
    assert [(each.named_by, "ssh -nNT" in each.problem) for each in tried] == [("DOCKER_HOST", True)]


@pytest.mark.parametrize(
    ("kernel", "release", "os_release", "system"),
    [
        ("linux", "6.1.0-18-amd64", 'PRETTY_NAME="Debian 12"\nID=debian\n', System("Debian 12", "debian")),
        ("linux", "6.8", "NAME=Mint\nID=linuxmint\nID_LIKE='ubuntu debian'\n", System("Mint", "debian")),
        ("linux", "6.8", 'NAME=Rocky\nID=rocky\nID_LIKE="rhel centos fedora"\n', System("Rocky", "fedora")),
        ("linux", "6.8", "NAME=Strange\nID=strange\n", System("Strange", "")),
        ("linux", "6.8", "", System("Linux", "")),
        ("linux", "5.15-microsoft-standard-WSL2", "NAME=Ubuntu\nID=ubuntu\n", System("Ubuntu", "debian", wsl=True)),
        ("darwin", "23.1.0", "", System("macOS", "macos")),
    ],
)
def test_a_system_is_told_by_what_it_says_of_itself(kernel: str, release: str, os_release: str, system: System) -> None:
    assert system_of(kernel, release, os_release, root=False) == system


@pytest.mark.parametrize(
    ("system", "said", "unsaid"),
    [
        (DEBIAN, "sudo apt-get install", "Docker Desktop"),
        (System("Debian", "debian", root=True), "`apt-get update && apt-get install", "sudo"),
        (System("Fedora", "fedora"), "sudo dnf install", "apt-get"),
        (System("Strange", ""), "https://docs.docker.com/engine/install/", "apt-get"),
        (System("Ubuntu", "debian", wsl=True), "WSL integration", "brew"),
        (System("macOS", "macos"), "`brew install --cask docker && open -a Docker`", "sudo"),
    ],
)
def test_each_system_is_told_its_own_way_to_an_engine(system: System, said: str, unsaid: str) -> None:
    advice = "\n".join(engine_advice(system))
    assert (said in advice, unsaid in advice) == (True, False), advice
    for command in re.findall(r"`([^`]+)`", advice):
        assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0


def test_each_command_of_ours_that_the_doctor_names_exists(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    findings: list[Check] = list(doctor.examine())
    findings += [
        doctor.with_command(doctor.prefect_check({"PREFECT_API_URL": url})) for url in ("", "x", "http://127.0.0.1:1")
    ]
    (user / "file").touch()
    findings.append(doctor.with_command(doctor.home_check(Settings(home=user / "file"))))
    wrong = [check for check in findings if check.level != "OK"]
    assert {"engine", "installation", "prefect", "home"} <= {check.part for check in wrong}
    for check in wrong:
        commands = [shlex.split(command) for command in re.findall(r"`([^`]+)`", check.advice)]
        assert commands, check
        assert all(words[1].rstrip() in known for words in commands if words[0] == "skillbox"), check
    assert not [check for check in findings if "make setup" in check.advice and "skillbox setup" not in check.advice]
