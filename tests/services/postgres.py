"""A throw-away Postgres cluster on loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.process import free_port, running


def _program(name: str) -> str | None:
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[-3]))
    return str(versions[-1]) if versions else shutil.which(name)


def missing() -> str | None:
    """Why it can't run here."""
    if not _program("initdb"):
        return "Postgres is not installed; `make test` as root installs it"
    if os.getuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "Postgres does not run as root, and there is no user postgres"
    return None


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Starts a cluster whose log is in `folder`; gives the URL of an empty database."""
    # Its data is not below pytest's own folder, which each session that starts closes for all other users.
    with tempfile.TemporaryDirectory(prefix="skillbox-postgres-") as home:
        user = "postgres" if os.getuid() == 0 else None
        if user:
            shutil.chown(home, user)
        with _cluster(Path(home) / "data", user, folder / "postgres.log") as url:
            yield url


@contextmanager
def _cluster(data: Path, user: str | None, log: Path) -> Iterator[str]:
    port = free_port()
    initdb = [_program("initdb") or "initdb", "-D", str(data), "-U", "skillbox", "--auth=trust", "-E", "UTF8", "-N"]
    subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=data.parent)
    # Connections for the pools of some test processes, which keep those of installations that were tried before.
    options = ["-p", str(port), "-h", "127.0.0.1", "-k", "", "-F", "-N", "400"]
    server = [_program("postgres") or "postgres", "-D", str(data), *options]
    url = f"postgresql://skillbox@127.0.0.1:{port}/postgres"
    with running(server, log, user=user) as process:
        import psycopg

        give_up = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(url).close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < give_up, log.read_text()
                time.sleep(0.05)
        try:
            yield url
        finally:
            # It would otherwise wait for the pools of whoever used it.
            process.send_signal(signal.SIGINT)


def fresh_database(url: str) -> str:
    """The URL of a new, empty database on the same cluster."""
    import psycopg

    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{url.rpartition('/')[0]}/{name}"
