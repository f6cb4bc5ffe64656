"""What a case may need of an engine and a kernel, and why it can't be run where that is missing."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from pathlib import Path

from skillbox_core.sandbox.engine import Engine
from tests.hostile.cases import Case

_CAP_SYS_RESOURCE = 24


class Skipped(Exception):
    """The case can't be run here; says why."""


def needed(case: Case, engine: Engine) -> None:
    """Raises `Skipped` when something that the case needs is missing."""
    if "skip" in case.spec:
        raise Skipped(f"under gVisor {case.spec['skip']}")
    for need in case.words("needs"):
        if reason := _NEEDS[need](engine):
            raise Skipped(reason)


def _local_engine(engine: Engine) -> str | None:
    return None if engine.url.startswith("unix://") else "the engine is on another host"


def _binds_the_score(engine: Engine) -> str | None:
    """The kernel keeps a raised OOM score only if who raised it held CAP_SYS_RESOURCE."""
    if reason := _local_engine(engine):
        return reason
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(engine.url.removeprefix("unix://"))
        pid, _, _ = struct.unpack("3i", channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    held = int(status["CapEff"], 16) >> _CAP_SYS_RESOURCE & 1
    return None if held else "the engine runs without CAP_SYS_RESOURCE, so a lowered OOM score is not refused"


def _memory_accounting(engine: Engine) -> str | None:
    return None if engine.info().get("MemoryLimit") else "the kernel does not limit memory"


_NEEDS: dict[str, Callable[[Engine], str | None]] = {
    "an engine that may bind the score": _binds_the_score,
    "memory accounting": _memory_accounting,
}
