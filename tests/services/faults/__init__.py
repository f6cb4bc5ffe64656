"""A proxy that stands in front of a real service and misbehaves where it is told to.

`http_proxy` stands in front of the container engine (a Unix socket) or an S3 service (TCP), `postgres_proxy`
in front of Postgres. What no rule names passes through unchanged: keep-alive, chunked streams, and docker's
hijacked connections included.

    with http_proxy("unix:///var/run/docker.sock") as engine:
        settings = settings.model_copy(update={"docker_host": engine.address})
        engine.inject(Fault.LOST_REPLY, r"POST .*/containers/create")
        ...
        assert engine.injected == 1

A rule's pattern is searched in `METHOD /path?query` of an HTTP request, or in the text of a message that a
Postgres client sends (`COMMIT`, `UPDATE executions`). It takes effect from its `nth` match on, `times` times.
"""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.faults.http import HttpProxy
from tests.services.faults.postgres import PostgresProxy
from tests.services.faults.proxy import Fault, Proxy, Rule

__all__ = ["Fault", "Proxy", "Rule", "http_proxy", "postgres_proxy"]


@contextmanager
def _running(kind: type[Proxy], upstream: str) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory() as folder:
        if upstream.startswith("unix://"):
            path = Path(folder) / "proxy.sock"
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            address = f"unix://{path}"
        else:
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{listener.getsockname()[1]}"
        listener.listen(256)
        proxy = kind(upstream, address, listener)
        threading.Thread(target=proxy.serve, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.close()


@contextmanager
def http_proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy in front of `unix:///path` or `host:port`."""
    with _running(HttpProxy, upstream) as proxy:
        yield proxy


@contextmanager
def postgres_proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy in front of Postgres at `host:port`."""
    with _running(PostgresProxy, upstream) as proxy:
        yield proxy
