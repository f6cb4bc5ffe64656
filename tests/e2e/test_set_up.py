"""What the set-up finds there: a Prefect server that asks for credentials, none at all, what was stopped before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.local import engine
from deployments.local import prefect_server as set_up
from deployments.local.common import SetupError
from skillbox_core.doctor import prefect_check
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
