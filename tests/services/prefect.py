"""A Prefect server of a test's own, on a database of its choice."""

from __future__ import annotations

import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployments.local.prefect_server import SERVER
from tests.services.process import free_port, running

WORKER = {"PREFECT_WORKER_QUERY_SECONDS": "1"}
"""For a worker: it asks for work each second, where Prefect's own would do so each 10 s and a test wait for that."""


@dataclass(frozen=True)
class PrefectServer:
    """A running server.

    Attributes:
        api: Its address, for `PREFECT_API_URL`.
        log: What it prints.
    """

    api: str
    log: Path

    def complaints(self) -> list[str]:
        """What its log says of errors: of each the first line and the last, where the exception is."""
        entries = re.split(r"(?m)^(?=\d\d:\d\d:\d\d\.\d+ \| |[A-Z]+:  )", self.log.read_text(errors="replace"))
        wrong = [e.strip().splitlines() for e in entries if re.search(r"ERROR|CRITICAL|Traceback", e)]
        return [f"{lines[0]} … {lines[-1]}" for lines in wrong if not any(_MADE_TWICE in line for line in lines)]


_MADE_TWICE = 'unique constraint "uq_concurrency_limit_v2__name"'
"""Two processes make a missing limit at the same moment: Postgres refuses one, whose client is told and goes on."""


@contextmanager
def prefect_server(folder: Path, database_url: str, auth: str = "") -> Iterator[PrefectServer]:
    """Starts a server and waits until it answers.

    Args:
        folder: Its home and its log.
        database_url: `postgresql://…`, as `tests.services.postgres` gives it.
        auth: `user:password` that it asks for; empty for none.
    """
    port, log = free_port(), folder / "prefect.log"
    api = f"http://127.0.0.1:{port}/api"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        **SERVER,
        "PREFECT_HOME": str(folder),
        "PREFECT_API_DATABASE_CONNECTION_URL": database_url.replace("postgresql://", "postgresql+asyncpg://"),
        "PREFECT_UI_API_URL": api,
        **({"PREFECT_SERVER_API_AUTH_STRING": auth} if auth else {}),
    }
    program = Path(sys.executable).parent / "prefect"
    command = [str(program), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, log, env=environment) as process:
        give_up = time.monotonic() + 120
        while not _healthy(api):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.2)
        yield PrefectServer(api, log)


def _healthy(api: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
