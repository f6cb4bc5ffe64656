"""Following a sandbox to its end: its lines as they come, its deadline, its cancellation, and what became of it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from skillbox_core.cancel import CancelToken
from skillbox_core.errors import EngineError, SkillboxError
from skillbox_core.models import Ending, Outcome, Sandbox, Usage
from skillbox_core.redaction import Redactor
from skillbox_core.sandbox.container import SLICE, Connections
from skillbox_core.sandbox.engine import Attachment, ContainerGoneError, Engine
from skillbox_core.sandbox.logs import Announcement, CappedLog, Line, LineReader, OnLog

DEADLINE_GRACE = 1.0
"""The supervisor ends the skill at its deadline; this much later the engine is asked to kill the container."""
REPLAY_GRACE = 10.0
"""Seconds to read the log of a container that another process made, before it is said to be late."""


def wait(
    engine: Engine,
    connections: Connections,
    sandbox: Sandbox,
    *,
    token: str,
    timeout: float,
    max_log: int,
    redactor: Redactor,
    on_log: OnLog | None = None,
    cancel: CancelToken | None = None,
) -> Outcome:
    """Follows a sandbox to its end, its deadline or its cancellation, whichever comes first.

    Logs come from the live connection if this process has it, else from the engine's log, from its first
    line. The deadline is measured with this process's monotonic clock.

    Raises:
        EngineError: The engine could not be asked; calling again reattaches.
    """
    attachment = connections.take(sandbox.container_id)
    if attachment:
        ends_at = time.monotonic() + timeout + DEADLINE_GRACE
    else:
        # What was said already has to be read first, also when the deadline is long over.
        ends_at = time.monotonic() + max(min(timeout, sandbox.deadline - time.time()), REPLAY_GRACE)
    source = _Live(attachment) if attachment else _Replay(engine, sandbox.container_id)
    reader, log = LineReader(token, redactor), CappedLog(max_log)
    ended: Announcement | None = None
    drained = False
    refused: Announcement | None = None

    def take(items: Iterator[Line | Announcement] | Iterator[Line]) -> None:
        nonlocal ended, drained, refused
        for item in items:
            if isinstance(item, Announcement):
                ended = item if item.word == "ended" else ended
                drained = drained or item.word == "drained"
                refused = item if item.word == "refused" else refused
                continue
            log.add(item.text)
            if on_log:
                on_log(item.stream, item.text)

    stopped: Ending | None = None
    try:
        while not (ended and drained) and not refused:
            if cancel and cancel.cancelled and not ended:
                stopped = Ending.CANCELLED
                break
            left = ends_at - time.monotonic()
            if left <= 0:
                stopped = None if ended else Ending.DEADLINE
                break
            data = source.read(min(left, SLICE))
            if data == b"":
                break
            if data:
                take(reader.feed(data))
            elif ended:
                # Stdout has no end when something else in the container keeps it to itself.
                break
        take(reader.finish())
    finally:
        source.close()
        if stopped:
            with suppress(SkillboxError):
                engine.kill(sandbox.container_id)
    if ended is not None:
        return _outcome(ended, log.text())
    if stopped:
        return Outcome(stopped, log.text())
    return _post_mortem(engine, sandbox, log.text(), refused)


def _outcome(ended: Announcement, logs: str) -> Outcome:
    cpu_ns, cpu_us = ended.number("cpu_ns"), ended.number("cpu_us")
    nanoseconds = cpu_ns if cpu_ns is not None else cpu_us * 1000 if cpu_us is not None else None
    late = ended.values.get("late") == "1"
    usage = Usage(
        exit_code=None if late else ended.number("code"),
        peak_memory=ended.number("peak"),
        cpu_seconds=nanoseconds / 1e9 if nanoseconds is not None else None,
    )
    return Outcome(
        Ending.DEADLINE if late else Ending.EXITED,
        logs,
        usage,
        oom=bool(ended.number("oom")),
        scratch_full=ended.values.get("full") == "1",
        pids_full=bool(ended.number("pids")),
        collectable=True,
    )


def _post_mortem(engine: Engine, sandbox: Sandbox, logs: str, refused: Announcement | None) -> Outcome:
    """What became of a sandbox whose stream ended without the supervisor's last word."""
    try:
        state = engine.inspect(sandbox.container_id)["State"]
    except ContainerGoneError:
        return Outcome(Ending.LOST, logs, detail="its container was removed by someone else")
    if state.get("Running") and not refused:
        raise EngineError("the connection to the sandbox ended while it was running")
    if refused:
        missing = refused.values.get("missing")
        why = f"the image has no {missing}" if missing else "does the skill fit its scratch area (resources.scratch)?"
        return Outcome(Ending.LOST, logs, detail=f"it could not take the skill in; {why}")
    code = state.get("ExitCode")
    if code in (126, 127):
        return Outcome(Ending.LOST, logs, detail="the image has no working sh or tar", usage=Usage(exit_code=code))
    return Outcome(
        Ending.LOST,
        logs,
        Usage(exit_code=code),
        oom=bool(state.get("OOMKilled")),
        detail=f"its container ended with code {code}" + (f": {state['Error']}" if state.get("Error") else ""),
    )


class _Live:
    """The bytes of a live attachment."""

    def __init__(self, attachment: Attachment) -> None:
        self.read = attachment.read
        self.close = attachment.close


class _Replay:
    """The bytes of the engine's log, read in a thread of its own because that read cannot be timed."""

    def __init__(self, engine: Engine, container_id: str) -> None:
        self._queue: queue.Queue[bytes | BaseException] = queue.Queue(maxsize=64)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._pump, args=(engine, container_id), daemon=True)
        self._thread.start()

    def _pump(self, engine: Engine, container_id: str) -> None:
        last: bytes | BaseException = b""
        try:
            for chunk in engine.logs(container_id, follow=True):
                if not self._offer(chunk):
                    return
        except SkillboxError as error:
            last = error
        self._offer(last)

    def _offer(self, item: bytes | BaseException) -> bool:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=SLICE)
                return True
        return False

    def read(self, timeout: float) -> bytes | None:
        try:
            item = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(item, ContainerGoneError):
            return b""
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        self._closed.set()
