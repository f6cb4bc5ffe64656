"""HTTP to a container engine with the standard library alone: for the broker, and for a set-up without packages."""

from __future__ import annotations

import http.client
import os
import socket


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connection(url: str, timeout: float | None = 10.0) -> http.client.HTTPConnection:
    """A connection to an engine at unix:// or plain tcp://."""
    if url.startswith("unix://"):
        return _UnixConnection(url.removeprefix("unix://"), timeout)
    return http.client.HTTPConnection(url.removeprefix("tcp://"), timeout=timeout)


def tls_problem(url: str) -> str | None:
    """Why an engine can't be spoken to by a `connection`; None where it can.

    It is at tcp://, and the environment asks for TLS as Docker's own client reads it.
    """
    asks = [name for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH") if os.environ.get(name)]
    if not (url.startswith("tcp://") and asks):
        return None
    return (
        f"{asks[0]} asks for TLS to the engine at {url}, which set-up and broker do not speak: run them on the "
        "engine's host with its socket (unix://...), or unset it; workers reach an engine over TLS without them, "
        "see docs/deployments.md"
    )
