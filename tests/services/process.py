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
    if name := os.environ.get("PYTEST_XDIST_WORKER"):
        own = [range(10_000 + int(name.lstrip("gw")), 32_768, int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))]
    else:
        # The one that deals the tests, or the only one, which may go on where others would begin.
        own = [range(9_000, 10_000), range(10_000, 32_768)]
    for ports in own:
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
