"""What the user's Docker configuration, and the engine's address, can do to a run: as little as can be."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path

import pytest

from skillbox_core import Settings
from skillbox_core.errors import EngineError, ImageUnavailableError, SettingsError
from skillbox_core.sandbox.docker_client import login
from skillbox_core.sandbox.engine import Engine

GOOD = {"auth": base64.b64encode(b"me:secret").decode()}


@pytest.mark.parametrize(
    "config",
    [
        b"{not json",
        b"[]",
        b'"text"',
        json.dumps({"auths": {"one.example": "text", "two.example": GOOD}}).encode(),
        json.dumps({"auths": {"one.example": {"auth": "!"}}}).encode(),
        json.dumps({"auths": []}).encode(),
        json.dumps({"credsStore": "none-of-this-name"}).encode(),
        json.dumps({"credHelpers": {"docker.io": "none-of-this-name"}, "proxies": 3}).encode(),
        b"\xff",
    ],
)
def test_a_broken_docker_configuration_stops_no_run_that_needs_no_registry(
    installation: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: bytes
) -> None:
    (tmp_path / "config.json").write_bytes(config)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    engine = Engine(installation.engine_url)
    assert engine.version()["ApiVersion"]
    with pytest.raises(ImageUnavailableError, match="could not be pulled"):
        engine.pull("127.0.0.1:1/none:1")


@pytest.mark.parametrize(
    ("config", "registry", "known", "said"),
    [
        ({"auths": {"a.example": "text", "b.example": GOOD}}, "b.example", True, "a broken entry for a.example"),
        ({"auths": {"b.example": GOOD}, "credsStore": "none-of-this-name"}, "b.example", True, "none-of-this-name"),
        ({"auths": {"b.example": GOOD}, "credHelpers": {"c.example": "none"}}, "b.example", True, ""),
        ({"auths": {}}, "b.example", False, ""),
        ([], "b.example", False, "can't be read"),
    ],
)
def test_a_login_is_found_beside_what_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: object, registry: str, known: bool, said: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    header, problem = login(registry)
    assert (header is not None, said in problem, bool(problem)) == (known, True, bool(said)), problem
    assert header is None or json.loads(base64.urlsafe_b64decode(header))["password"] == "secret"


@pytest.mark.parametrize("name", ["a b", "100%41", "what?", "no#1", "it's", "\u00fc"])
def test_a_socket_is_reached_whatever_its_path_is(installation: Settings, tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(installation.engine_url.removeprefix("unix://"))
    assert Engine(f"unix://{tmp_path}/{name}").version()["ApiVersion"]


def test_an_engine_that_does_not_answer_is_named_with_the_reason(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf, socket.socket() as closed:
        deaf.bind(f"{tmp_path}/deaf")
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for url, reason in (
            (f"unix://{tmp_path}/none", "there is no such socket"),
            (f"unix://{tmp_path}/deaf", "nothing listens there"),
            (f"tcp://127.0.0.1:{port}", "nothing listens there"),
        ):
            with pytest.raises(EngineError) as caught:
                Engine(url).version()
            assert f"the container engine at {url} did not answer" in caught.value.message
            assert caught.value.message.endswith(reason)
            assert "`skillbox setup`" in (caught.value.hint or "")


def test_a_socket_that_this_user_may_not_use_is_told_from_one_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        # Modes don't keep out the superuser, who the tests may be run by.
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(EngineError, match=r"this user may not use its socket \(`sudo usermod -aG docker"):
        Engine(f"unix://{tmp_path}/s").version()


@pytest.mark.parametrize("url", ["ssh://me@far", "context://none", "npipe:////./pipe/x"])
def test_an_address_that_is_not_spoken_is_a_setting_that_is_wrong(url: str) -> None:
    with pytest.raises(SettingsError):
        Engine(url).version()
