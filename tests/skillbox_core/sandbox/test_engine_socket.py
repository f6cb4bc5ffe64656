"""What a client of the engine takes from its environment."""

from __future__ import annotations

import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from skillbox_core.sandbox.docker_client import DockerClient

SAID: list[str | None] = []


class _Engine(BaseHTTPRequestHandler):
    """Says its version, and notes with which login it was asked."""

    def do_GET(self) -> None:
        SAID.append(self.headers.get("Authorization"))
        body = b'{"ApiVersion": "1.41"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "engine"

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def socket() -> Iterator[str]:
    SAID.clear()
    with (
        tempfile.TemporaryDirectory(prefix="sbc-") as folder,
        socketserver.ThreadingUnixStreamServer(f"{folder}/s", _Engine) as server,
    ):
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"unix://{folder}/s"
        finally:
            server.shutdown()


def test_no_proxy_and_no_login_of_the_environment_is_for_an_engines_socket(
    socket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert DockerClient(socket, 5).version()["ApiVersion"] == "1.41"
    assert SAID == [None, None]
