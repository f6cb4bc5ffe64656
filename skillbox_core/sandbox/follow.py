"""Following a sandbox to its end: its lines as they come, its deadline, its cancellation, and what became of it.

The bytes come from the live connection of whoever started the sandbox, else from the engine's log. A
connection that breaks, or falls silent for ever, costs nothing: the log has everything, and is taken up instead.
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.names import WAITING
from skillbox_core.base.redaction import Redactor
from skillbox_core.errors import EngineError, SkillboxError
from skillbox_core.models import Ending, Outcome, Sandbox
from skillbox_core.sandbox.backlog import Backlog
from skillbox_core.sandbox.connections import Connections
from skillbox_core.sandbox.container import SLICE
from skillbox_core.sandbox.ends import announced, post_mortem
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.engine_errors import ContainerGoneError
from skillbox_core.sandbox.journal import Journal
from skillbox_core.sandbox.logs import OnLog
from skillbox_core.sandbox.streams import LogFollower

DEADLINE_GRACE = 1.0
"""The supervisor ends the skill at its deadline; this much later the worker gives it up."""
REPLAY_GRACE = 10.0
"""Seconds to read a log in which the end is known to be, when the deadline is over."""
QUIET = 10.0
"""Seconds without a byte after which the engine's log is asked whether the end was announced, and got lost."""
DRAIN = 15.0
"""Seconds after the last word for which the rest of stdout is read; a forged word does not end what a skill prints."""
SILENCE = 2.0
"""Seconds without a byte after which that rest counts as lost: something else in the container may keep stdout."""
OUTAGE = 60.0
"""Seconds for which an engine that does not answer is waited for; a restart takes less."""
LAST_LINES = 0.5
"""Seconds for which lines from before a cancellation or the deadline are still passed on."""
ROOM = 4 * 1024 * 1024
"""How much may wait to be passed on, by `Backlog.size`, while the end is looked for: more than the engine keeps."""
_TAIL = 20
"""Lines at the end of the log among which one announcement is, since each stream ends with one: of the other stream,
thousands of lines may follow it."""


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
    """Follows a sandbox to its end, its deadline or its cancellation, whichever comes first. Nothing is ended here.

    Args:
        timeout: Seconds from now, by this process's monotonic clock. Whoever did not start the skill can't know how
            long it has been running, since the wall clocks in between may have jumped. The supervisor knows.

    Raises:
        EngineError: The engine could not be asked for `OUTAGE` seconds; calling again reattaches.
    """
    attachment = connections.take(sandbox)
    backlog = Backlog(on_log, time.monotonic)
    # Only a log that is read again begins before the job.
    waited = sandbox.name.startswith(WAITING)
    journal = Journal(token, max_log, redactor, backlog.add if on_log else None, waited=waited)
    follower = _Follower(engine, sandbox, journal, backlog, attachment)
    try:
        stopped = follower.run(time.monotonic() + timeout + DEADLINE_GRACE, cancel)
    finally:
        follower.close()
    # What still runs in it is ended once the record is closed. One that was killed before looks lost to whoever takes
    # over from a worker that dies meanwhile (an engine takes seconds to end a flood), and would be started anew.
    if stopped:
        outcome = Outcome(stopped, journal.text())
    elif journal.ended is not None:
        if tar := journal.output():
            connections.keep_output(sandbox, tar)
        outcome = announced(journal.ended, journal.text())
    else:
        outcome = post_mortem(follower.state, journal)
    return replace(outcome, stderr=journal.stderr())


class _Source(Protocol):
    def read(self, timeout: float) -> bytes | None:
        """What has arrived; None when nothing came in time, `b""` at the end."""
        ...

    def close(self) -> None: ...


class _Follower:
    """Reads a sandbox to its end from whatever gives its bytes.

    Attributes:
        state: At the end, what the engine said of a container that ended without a last word; None when it is gone.
    """

    def __init__(self, engine: Engine, sandbox: Sandbox, journal: Journal, backlog: Backlog, live: _Source | None):
        self._engine, self._sandbox = engine, sandbox
        self.journal, self._backlog = journal, backlog
        self.state: dict[str, Any] | None = None
        self._live = live is not None
        self._source: _Source = live or _Replay(engine, sandbox.container_id)
        if live is None:
            journal.restart()
        self._out_since: float | None = None

    def close(self) -> None:
        self._source.close()

    def run(self, ends_at: float, cancel: CancelToken | None) -> Ending | None:
        """Reads on until the sandbox is at its end (None), or until it is to be ended."""
        stopped = self._read_on(ends_at, cancel)
        self.journal.finish()
        until = time.monotonic() + DRAIN
        while not stopped and self._backlog.size and time.monotonic() < until and not (cancel and cancel.cancelled):
            self._backlog.tell(SLICE)
        self._backlog.end(LAST_LINES)
        return stopped

    def _read_on(self, ends_at: float, cancel: CancelToken | None) -> Ending | None:
        journal, backlog = self.journal, self._backlog
        extended, drain_until, heard = False, 0.0, time.monotonic()
        while not journal.complete:
            if cancel and cancel.cancelled:
                return Ending.CANCELLED
            now = time.monotonic()
            if journal.ended:
                drain_until = drain_until or now + DRAIN
                if now >= drain_until:
                    break
            elif now >= ends_at:
                announced = False if extended else self._announced_at(ends_at)
                if announced is None:
                    time.sleep(SLICE)
                    continue
                if not announced:
                    return Ending.DEADLINE
                self._replay()
                ends_at, extended = now + REPLAY_GRACE, True
            elif self._live and now - heard >= QUIET:
                heard = now
                with suppress(EngineError):
                    if self._announced():
                        self._replay()
            # Whoever is told of them may take its time; how the skill ended must not depend on that.
            if backlog.size > (ROOM if extended or journal.ended else 0):
                backlog.tell(SLICE)
                heard = time.monotonic()
                continue
            data = self._source.read(SLICE if journal.ended else min(max(ends_at - now, 0.0), SLICE))
            if data:
                self._out_since, heard = None, time.monotonic()
                journal.feed(data)
                continue
            journal.settle()
            backlog.tell(SLICE)
            if data == b"":
                if self._over():
                    break
            elif journal.ended and time.monotonic() - heard >= SILENCE:
                break
        return None

    def _over(self) -> bool:
        """Whether there is no more to come, now that the stream has ended; else it is taken up again."""
        try:
            self.state = self._engine.inspect(self._sandbox.container_id)["State"]
        except ContainerGoneError:
            self.state = None
            return True
        except EngineError:
            self._out_since = self._out_since or time.monotonic()
            if time.monotonic() - self._out_since > OUTAGE:
                raise
        else:
            if not self._live and self.state.get("Status") in ("exited", "dead"):
                return True
        if not self._live:
            time.sleep(SLICE)
        self._replay()
        return False

    def _replay(self) -> None:
        self._source.close()
        self.journal.restart()
        self._source, self._live = _Replay(self._engine, self._sandbox.container_id), False

    def _announced_at(self, deadline: float) -> bool | None:
        """As `_announced`, at the deadline; None while the engine does not answer, for `OUTAGE` at most."""
        try:
            return self._announced()
        except EngineError:
            if time.monotonic() - deadline > OUTAGE:
                raise
            return None

    def _announced(self) -> bool:
        """Whether the end stands in the engine's log: a connection can die without a word."""
        journal = Journal(self.journal.token, 0, Redactor(), None)
        with suppress(ContainerGoneError):
            for chunk in self._engine.logs(self._sandbox.container_id, tail=_TAIL):
                journal.feed(chunk)
        return journal.ended is not None or journal.handed_over


class _Replay:
    """The bytes of the engine's log, read in a thread of its own because that read cannot be timed."""

    def __init__(self, engine: Engine, container_id: str) -> None:
        self._queue: queue.Queue[bytes] = queue.Queue(maxsize=64)
        self._closed = threading.Event()
        self._log: LogFollower | None = None
        threading.Thread(target=self._pump, args=(engine, container_id), name="skillbox-log", daemon=True).start()

    def _pump(self, engine: Engine, container_id: str) -> None:
        # What went wrong is asked of the engine by whoever reads this: the end of a stream proves nothing.
        with suppress(SkillboxError):
            self._log = engine.follow(container_id)
            # Whoever closed this before there was a log to close left it to be closed here.
            for chunk in self._log if not self._closed.is_set() else ():
                if not self._offer(chunk):
                    break
        self._offer(b"")
        if self._log:
            self._log.close()
            self._log.release()

    def _offer(self, item: bytes) -> bool:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=SLICE)
                return True
        return False

    def read(self, timeout: float) -> bytes | None:
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        self._closed.set()
        if self._log:
            self._log.close()
