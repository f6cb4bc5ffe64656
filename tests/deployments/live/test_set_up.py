"""What the set-up finds there: a Prefect server that asks for credentials, none at all, what was stopped before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from deployments.local import common, engine, images, main, venv
from deployments.local import prefect_server as set_up
from deployments.local.common import SetupError, running_daemon, start_daemon
from skillbox_core import Runner
from skillbox_core.base import env_file
from skillbox_core.operations.doctor import prefect_check
from tests.services.prefect import PrefectServer, prefect_server
from tests.services.process import free_port

AUTH = "admin:hunter2"
CREDENTIALS = [({"PREFECT_API_AUTH_STRING": AUTH}, True), ({"PREFECT_API_AUTH_STRING": "admin:no"}, False),
               ({"PREFECT_API_KEY": "no"}, False), ({}, False)]  # fmt: skip


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    folder = tmp_path_factory.mktemp("guarded")
    with prefect_server(folder, f"sqlite+aiosqlite:///{folder}/prefect.db", AUTH) as server:
        yield server


@pytest.mark.parametrize(("credentials", "taken"), CREDENTIALS)
def test_the_doctor_shows_credentials_and_says_when_they_are_refused(
    guarded: PrefectServer, credentials: dict[str, str], taken: bool
) -> None:
    check = prefect_check({"PREFECT_API_URL": guarded.api, **credentials})
    assert check.level == ("OK" if taken else "FAIL"), check
    assert ("refuses the credentials" in check.found) is not taken
    assert ("PREFECT_API_KEY or PREFECT_API_AUTH_STRING" in check.advice) is not taken


@pytest.mark.parametrize(("credentials", "taken"), CREDENTIALS)
def test_the_set_up_uses_a_guarded_server_or_says_that_it_is_refused(
    guarded: PrefectServer,
    credentials: dict[str, str],
    taken: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(set_up, "ENV_FILE", tmp_path / ".env")
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in credentials.items()))
    monkeypatch.setenv("PREFECT_API_URL", guarded.api)
    if taken:
        assert set_up.existing_server() == guarded.api
    else:
        with pytest.raises(SetupError, match=r"refuses the credentials: set PREFECT_API_KEY or PREFECT_API_AUTH"):
            set_up.existing_server()


def test_a_user_in_the_servers_address_is_used_and_not_shown(
    guarded: PrefectServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(set_up, "ENV_FILE", tmp_path / ".env")
    for user, taken in ((AUTH, True), ("admin:hunter3", False)):
        address = guarded.api.replace("://", f"://{user}@")
        check = prefect_check({"PREFECT_API_URL": address})
        assert (check.level, "hunter" in str(check)) == ("OK" if taken else "FAIL", False), check
        monkeypatch.setenv("PREFECT_API_URL", address)
        if taken:
            assert set_up.existing_server() == address
        else:
            with pytest.raises(SetupError) as caught:
                set_up.existing_server()
            assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("name", ["plain", "100%", "no #1"])
def test_prefect_finds_its_database_where_its_own_url_has_the_path(tmp_path: Path, name: str) -> None:
    assert set_up.database_setting(tmp_path / name, {}) == {}


def test_prefects_database_is_in_its_home_where_its_own_url_would_end_early(tmp_path: Path) -> None:
    home = tmp_path / "what? 100%"
    home.mkdir()
    url = set_up.database_setting(home, {})["PREFECT_API_DATABASE_CONNECTION_URL"]
    with create_engine(url.replace("+aiosqlite", "")).begin() as connection:
        connection.execute(text("CREATE TABLE x (y)"))
    assert {path.name for path in tmp_path.iterdir()} == {home.name}
    assert (home / "prefect.db").is_file()
    assert set_up.database_setting(home, {"PREFECT_API_DATABASE_CONNECTION_URL": "mine"}) == {}


def test_no_server_is_called_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    api = f"http://127.0.0.1:{free_port()}/api"
    assert "no server answers" in prefect_check({"PREFECT_API_URL": api}).found
    monkeypatch.setenv("PREFECT_API_URL", api)
    monkeypatch.setattr(set_up, "ENV_FILE", tmp_path / ".env")
    with pytest.raises(SetupError, match="no Prefect server answers"):
        set_up.existing_server()


def test_a_shell_that_has_read_the_env_file_may_start_a_stopped_server_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    api = f"http://127.0.0.1:{free_port()}/api"
    monkeypatch.setattr(set_up, "ENV_FILE", tmp_path / ".env")
    monkeypatch.setattr(set_up, "FIRST_PORT", free_port())
    (tmp_path / ".env").write_text(f"PREFECT_API_URL={api}\n")
    monkeypatch.setenv("PREFECT_API_URL", api)
    assert set_up.existing_server() is None


def test_a_shell_that_has_read_the_env_file_may_start_a_stopped_engine_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engine, "STATE", tmp_path)
    monkeypatch.setattr(engine, "ENV_FILE", tmp_path / ".env")
    monkeypatch.setattr(engine, "SYSTEM_SOCKET", f"unix://{tmp_path}/none.sock")
    monkeypatch.setattr(engine, "is_root", lambda: False)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("SKILLBOX_DOCKER_HOST", engine.private_url())
    # It goes on to where one would be started, for which these rights are not enough.
    with pytest.raises(SetupError, match="Install Docker Engine"):
        engine.ensure_engine()
    monkeypatch.setenv("SKILLBOX_DOCKER_HOST", f"unix://{tmp_path}/elsewhere.sock")
    with pytest.raises(SetupError, match=r"at SKILLBOX_DOCKER_HOST=.*elsewhere"):
        engine.ensure_engine()


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The set-up in a folder of its own, where nothing runs, nothing is named, and no engine is started."""

    def no_start(*_: object) -> None:
        raise SetupError("an engine would be started")

    monkeypatch.setattr(engine, "start_daemon", no_start)
    # With a long path the real one would be where the machine's own installation has it.
    monkeypatch.setattr(engine, "private_folder", lambda: tmp_path / "engine")
    state = tmp_path / "state"
    (state / "log").mkdir(parents=True)
    for module in (common, engine, images, main, set_up, venv):
        for name, value in (
            ("STATE", state), ("ENV_FILE", state / ".env"), ("LOGS", state / "log"), ("VENV", tmp_path / "venv"),
            ("STAMP", tmp_path / "venv" / "stamp"), ("SYSTEM_SOCKET", f"unix://{tmp_path}/none.sock"),
        ):  # fmt: skip
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    for name in ("SKILLBOX_DOCKER_HOST", "SKILLBOX_IMAGE_ALIASES", "DOCKER_HOST", "DOCKER_TLS_VERIFY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_mount_below_a_path_with_a_blank_is_found() -> None:
    mounts = "tmpfs /a\\040b/c tmpfs rw 0 0\nnone /plain/\\134x tmpfs rw 0 0\n"
    assert engine.mount_points(mounts) == ["/a b/c", "/plain/\\x"]


def test_clean_says_what_it_could_not_delete(checkout: Path) -> None:
    elsewhere = checkout / "elsewhere"
    elsewhere.mkdir()
    (checkout / "venv").symlink_to(elsewhere)
    with pytest.raises(SetupError, match=f"could not delete {checkout}/venv:"):
        main.clean()
    assert not (checkout / "state").exists()


def test_notes_of_a_killed_engine_do_not_keep_the_next_from_its_start(checkout: Path) -> None:
    folder = engine.private_folder()
    (folder / "exec" / "containerd").mkdir(parents=True)
    folder.chmod(0o700)
    notes = [folder / "docker.pid", folder / "exec" / "containerd" / "containerd.pid"]
    for command, kept in (
        (["sleep", "60"], False),
        (["sh", "-c", "sleep 60; true", str(checkout / "state" / "engine" / "data")], True),
    ):
        other = subprocess.Popen(command, start_new_session=True)
        try:
            # It has a command line a moment after its start.
            while not Path(f"/proc/{other.pid}/cmdline").read_bytes():
                time.sleep(0.01)
            for note in notes:
                note.write_text(str(other.pid))
            with pytest.raises(SetupError, match="an engine would be started"):
                engine.start_private()
            assert [note.exists() for note in notes] == [kept, kept]
        finally:
            os.killpg(other.pid, signal.SIGKILL)
            other.wait()


def test_without_root_and_engine_the_set_up_says_so_before_it_begins(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "is_root", lambda: False)
    monkeypatch.setattr(venv, "ensure_venv", lambda: pytest.fail("packages would be installed"))
    with pytest.raises(SetupError, match=r"no container engine answers\. Install Docker"):
        main.up()


def test_the_set_up_writes_where_the_installation_is(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "check_possible", lambda: None)
    monkeypatch.setattr(main, "_python_side", lambda: {"PREFECT_API_URL": "http://127.0.0.1:1/api"})
    monkeypatch.setattr(main, "_container_side", lambda: ("unix:///s", {}))
    main.up()
    assert env_file.read(checkout / "state" / ".env")["SKILLBOX_HOME"] == str(checkout / "state")


@pytest.mark.parametrize("harm", ["mode", "owner", "link"])
def test_a_socket_in_a_folder_of_others_is_no_engine_of_ours(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    folder = engine.private_folder()
    folder.mkdir(mode=0o700)
    assert engine.private_url() in engine.candidates()
    if harm == "mode":
        folder.chmod(0o755)
    elif harm == "owner":
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    else:
        folder.rename(checkout / "other")
        folder.symlink_to(checkout / "other")
    assert engine.private_url() not in engine.candidates()
    with pytest.raises(SetupError, match="is not a folder of this user alone"):
        engine.start_private()


def test_the_server_of_an_old_environment_is_stopped_before_that_is_removed(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = checkout / "venv" / "old"
    old.mkdir(parents=True)
    # Ends only when what it runs from is still there.
    script = f"trap 'test -d {old} && touch {checkout}/in-time; exit' TERM; touch {checkout}/on"
    script += "; while sleep 0.05; do :; done"
    monkeypatch.setattr(common, "ROOT", checkout)
    start_daemon(set_up.NAME, ["sh", "-c", script])
    while not (checkout / "on").exists():
        time.sleep(0.01)
    monkeypatch.setattr(venv.sys, "executable", "/bin/false")
    with pytest.raises(SetupError, match="could not be made"):
        venv.ensure_venv()
    assert running_daemon(set_up.NAME) is None
    assert (checkout / "in-time").exists()


def test_an_engine_that_wants_tls_is_refused_with_what_to_do(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    for name in ("DOCKER_HOST", "SKILLBOX_DOCKER_HOST"):
        monkeypatch.setenv(name, url)
        with pytest.raises(SetupError, match=f"DOCKER_TLS_VERIFY asks for TLS to the engine at {url}.*engine's host"):
            engine.ensure_engine()
    command = [
        str(Path(sys.executable).with_name("skillbox")),
        "broker",
        "--engine",
        url,
        "--listen",
        f"unix://{checkout}/s",
    ]
    assert subprocess.run(command, cwd=Path(__file__).parents[3], timeout=60).returncode == 2
    assert "DOCKER_TLS_VERIFY asks for TLS" in capfd.readouterr().err
    assert not (checkout / "s").exists()


@pytest.mark.parametrize("name", ["SKILLBOX_DOCKER_HOST", "DOCKER_HOST"])
def test_an_address_that_is_not_spoken_is_refused_with_the_way_out(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "ssh://me@far")
    with pytest.raises(SetupError, match=r"ssh:// to an engine \(ssh://me@far\): `ssh -nNT -L"):
        main.up()


@pytest.mark.parametrize("where", ["environment", "file"])
def test_the_users_aliases_count_and_stay(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, runner: Runner, where: str
) -> None:
    there = runner.installation.settings.image_aliases.get("bash:5", "bash:5")
    name = f"skillbox-test/own:{uuid.uuid4().hex[:8]}"
    runner.installation.engine._api.tag(there, *name.split(":"))
    try:
        given = dict.fromkeys(images.WANTED.values(), name)
        line = ",".join(f"{asked}={used}" for asked, used in given.items())
        if where == "file":
            (checkout / "state" / ".env").write_text(f"SKILLBOX_IMAGE_ALIASES={line},python:3.9=skillbox/python:3.9\n")
        else:
            monkeypatch.setenv("SKILLBOX_IMAGE_ALIASES", line)
        aliases, _ = images.ensure_images(runner.installation.settings.engine_url, images.given_aliases())
        # What an earlier set-up wrote is found anew, not kept.
        assert aliases == given
    finally:
        runner.installation.engine._api.remove_image(name)


def test_an_alias_of_the_user_for_what_is_nowhere_is_named(checkout: Path, runner: Runner) -> None:
    given = {"bash:5": "localhost:1/none:1"}
    with pytest.raises(SetupError, match="SKILLBOX_IMAGE_ALIASES names localhost:1/none:1"):
        images.ensure_images(runner.installation.settings.engine_url, given)


@pytest.mark.parametrize(
    ("image", "parts"),
    [("python:3.12-slim", ("python", "3.12-slim")), ("host:5000/a", ("host:5000/a", "latest")),
     ("host:5000/a:1", ("host:5000/a", "1")), ("a@sha256:1", ("a", "sha256:1"))],
)  # fmt: skip
def test_an_image_is_pulled_by_its_name_and_its_tag(image: str, parts: tuple[str, str]) -> None:
    assert images._name_and_tag(image) == parts
