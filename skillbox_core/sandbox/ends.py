"""What became of a sandbox: by its supervisor's last word, else by the engine's account. Pure."""

from __future__ import annotations

import signal
from typing import Any

from skillbox_core.models import Ending, Outcome, Usage
from skillbox_core.sandbox.journal import Journal
from skillbox_core.sandbox.logs import Announcement

FULL = ("/sandbox", "/tmp", "/dev/shm")  # noqa: S108 - places in the sandbox
"""Of which file systems the supervisor says that they are full."""
_FAULTS = {
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGABRT, signal.SIGSYS),
    *(signal.SIGXCPU, signal.SIGXFSZ),
}
"""Signals that the kernel sends a process for what it does itself."""


def announced(ended: Announcement, logs: str) -> Outcome:
    """What the supervisor's last word says."""
    cpu_ns, cpu_us = ended.number("cpu_ns"), ended.number("cpu_us")
    nanoseconds = cpu_ns if cpu_ns is not None else cpu_us * 1000 if cpu_us is not None else None
    late = ended.values.get("late") == "1"
    usage = Usage(
        exit_code=None if late else ended.number("code", 255),
        # What ran has taken some: zero is the file of a kernel that does not count.
        peak_memory=ended.number("peak") or None,
        file_memory=ended.number("files"),
        cpu_seconds=nanoseconds / 1e9 if nanoseconds else None,
    )
    return Outcome(
        Ending.DEADLINE if late else Ending.EXITED,
        logs,
        usage,
        oom_kills=ended.number("oom") or 0,
        full=tuple(place for place in FULL if place in ended.values.get("full", "").split(",")),
        pids_refused=ended.number("pids") or 0,
        collectable=True,
    )


def post_mortem(state: dict[str, Any] | None, journal: Journal) -> Outcome:
    """What became of a sandbox that ended without the supervisor's last word.

    Args:
        state: What the engine says of the container, None when it has none.
    """
    logs = journal.text()
    if journal.refused:
        missing = journal.refused.values.get("missing")
        why = f"the image has no {missing}" if missing else "does the skill fit its scratch area (resources.scratch)?"
        return Outcome(Ending.LOST, logs, detail=f"it could not take the skill in; {why}")
    if state is None:
        return Outcome(Ending.LOST, logs, detail="its container was removed by someone else")
    code = state.get("ExitCode")
    if journal.started and not state.get("OOMKilled") and not _ended_from_outside(state):
        # A supervisor does not end before its last word, unless it lacks what it shares with the skill.
        detail = f"its supervisor ended with code {code}, before its last word"
        return Outcome(Ending.EXITED, logs, Usage(exit_code=code or None), detail=detail)
    if code in (126, 127):
        return Outcome(Ending.LOST, logs, detail="the image has no working sh or tar", usage=Usage(exit_code=code))
    return Outcome(
        Ending.LOST,
        logs,
        Usage(exit_code=code),
        oom_kills=int(bool(state.get("OOMKilled"))),
        detail=f"its container ended with code {code}" + (f": {state['Error']}" if state.get("Error") else ""),
    )


def _ended_from_outside(state: dict[str, Any]) -> bool:
    """Whether the engine shows a container's end as somebody else's doing.

    From inside, no signal ends PID 1, but for those that its own fault brings. 255 is the engine's word for an end that
    it did not see, as when the host went down.
    """
    code = int(state.get("ExitCode") or 0)
    by_signal = code > 128 and code - 128 not in _FAULTS
    return by_signal or bool(state.get("Error") or state.get("Dead"))
