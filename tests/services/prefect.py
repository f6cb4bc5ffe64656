"""A Prefect server of a test's own, on a database of its choice."""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployments.local.prefect_server import QUIET
from tests.services.process import free_port, running


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
        """The lines of its log that speak of errors."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if "ERROR" in line or "Traceback" in line or "CRITICAL" in line]


@contextmanager
def prefect_server(folder: Path, database_url: str) -> Iterator[PrefectServer]:
    """Starts a server and waits until it answers.

    Args:
        folder: Its home and its log.
        database_url: `postgresql://…`, as `tests.services.postgres` gives it.
    """
    port, log = free_port(), folder / "prefect.log"
    api = f"http://127.0.0.1:{port}/api"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        **QUIET,
        "PREFECT_HOME": str(folder),
        "PREFECT_API_DATABASE_CONNECTION_URL": database_url.replace("postgresql://", "postgresql+asyncpg://"),
        "PREFECT_UI_API_URL": api,
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
