"""Processes that a test starts, and that end with it."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


def _ports() -> Iterator[int]:
    """Every port of this process once: other test processes have others, and the kernel gives away those above."""
    process, processes = (
        int(os.environ.get(f"PYTEST_XDIST_{name}", "0").lstrip("gw")) for name in ("WORKER", "WORKER_COUNT")
    )
    ports = range(10_000 + process, 32_768, max(processes, 1))
    yield from random.Random().sample(ports, len(ports))


_PORTS = _ports()


def free_port() -> int:
    """A port on loopback that nobody has, given once."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is left")


@contextmanager
def running(
    command: Sequence[str], log: Path, *, user: str | None = None, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own; its whole session is ended."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            user=user,
            cwd=log.parent,
            env=env,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
