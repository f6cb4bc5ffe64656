"""The engine's address, as Docker's own client finds it, and what is said of one that can't be spoken to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skillbox_core.base.engine_address import SYSTEM_SOCKET, address_problem, engine_url
from tests.services.docker_contexts import add_context


@pytest.fixture
def docker(tmp_path: Path) -> dict[str, str]:
    add_context(tmp_path, "rootless", "unix:///run/user/1000/docker.sock")
    add_context(tmp_path, "far", "ssh://me@far")
    add_context(tmp_path, "guarded", "tcp://far:2376", tls=True)
    return {"DOCKER_CONFIG": str(tmp_path)}


@pytest.mark.parametrize(
    ("asked", "environment", "config", "url"),
    [
        ("unix:///a", {"DOCKER_HOST": "unix:///b"}, {"currentContext": "rootless"}, "unix:///a"),
        ("", {"DOCKER_HOST": "unix:///b", "DOCKER_CONTEXT": "far"}, {}, "unix:///b"),
        ("", {"DOCKER_CONTEXT": "far"}, {"currentContext": "rootless"}, "ssh://me@far"),
        ("", {}, {"currentContext": "rootless"}, "unix:///run/user/1000/docker.sock"),
        ("", {"DOCKER_CONTEXT": "default"}, {"currentContext": "rootless"}, SYSTEM_SOCKET),
        ("", {}, {"currentContext": "default"}, SYSTEM_SOCKET),
        ("", {}, {}, SYSTEM_SOCKET),
        ("", {}, ["no", "object"], SYSTEM_SOCKET),
        ("", {}, "{broken", SYSTEM_SOCKET),
        ("", {"DOCKER_CONTEXT": "guarded"}, {}, "context://guarded"),
        ("", {"DOCKER_CONTEXT": "gone"}, {}, "context://gone"),
    ],
)
def test_the_engine_is_found_as_dockers_own_client_finds_it(
    docker: dict[str, str], tmp_path: Path, asked: str, environment: dict[str, str], config: object, url: str
) -> None:
    (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    assert engine_url(asked, {**docker, **environment}) == url


@pytest.mark.parametrize(
    ("url", "environment", "problem", "hint"),
    [
        ("ssh://me:hunter2@far:2222", {}, "ssh:// to an engine (ssh://me@far:2222)",
         '`ssh -nNT -p 2222 -L "$HOME"/engine.sock:/var/run/docker.sock me@far &`'),
        ("ssh://far/run/user/1000/docker.sock", {}, "ssh://", ":/run/user/1000/docker.sock far &`"),
        ("npipe:////./pipe/docker", {}, "npipe://", "unix:///PATH"),
        ("context://gone", {}, 'context "gone" does not exist', "far, guarded, rootless"),
        ("context://guarded", {}, "asks for certificates", "SKILLBOX_DOCKER_HOST=tcp://far:2376 DOCKER_TLS_VERIFY=1"),
        (f"unix:///{'x' * 107}", {}, "over 107 bytes", "`ln -s "),
        ("tcp://far:2376", {"DOCKER_TLS_VERIFY": "1"}, "has no ca.pem, cert.pem, key.pem", "unset DOCKER_TLS_VERIFY"),
        ("tcp://far:2376", {"DOCKER_CERT_PATH": "/none"}, "/none has no cert.pem, key.pem", "put them there"),
    ],
)  # fmt: skip
def test_an_address_that_can_not_be_spoken_to_is_refused_with_the_way_out(
    docker: dict[str, str], url: str, environment: dict[str, str], problem: str, hint: str
) -> None:
    found = address_problem(url, {**docker, **environment})
    assert found is not None
    assert (problem in found[0], hint in found[1], "hunter2" in str(found)) == (True, True, False), found


@pytest.mark.parametrize("url", [SYSTEM_SOCKET, "tcp://host:2375", "unix:///a b?#%", "http://host:1", "host:2375"])
def test_other_addresses_are_tried(url: str) -> None:
    assert address_problem(url, {}) is None
