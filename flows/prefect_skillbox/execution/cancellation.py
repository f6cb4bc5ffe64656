"""Cancelling: how skills in worker threads hear of a signal that only the main thread gets.

Prefect turns SIGTERM into an exception in the main thread. A skill that was called there unwinds with it;
skills that were submitted to threads would run on. Each waits with a token, and the tokens are tripped here.
Skills in other processes, of a process pool or of Dask, are found by the label of their flow run.

The signal is heard through Python's wakeup file descriptor, not through a handler: Prefect acknowledges a
cancellation only while its own handler is the one installed, so none may be put in its place.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, cast

from prefect.context import FlowRunContext

from prefect_skillbox.config.installation import installation_for, installation_settings
from prefect_skillbox.execution.owner import Owner
from skillbox_core.base.cancel import CancelToken
from skillbox_core.errors import SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.operations.orphans import end_owner
from skillbox_core.status import Status

logger = logging.getLogger(__name__)

_STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})
_ROUNDS, _ROUND = 20, 0.5
"""How often, and seconds between. The runner of a cancelled flow run kills its process after 30 s."""


class _Elsewhere(NamedTuple):
    """A flow run with skills in other processes. Its context is gone when it has ended."""

    context: int
    owner: str
    installation: str | None


class _Watch:
    """The tokens of this process, by flow run, and the ear for signals."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[CancelToken, str | None] = {}
        # Never forgotten: a signal stops few, and threads of theirs may ask for a token at any time later.
        self._stopped: set[str] = set()
        self._going_on: dict[tuple[int, str], weakref.ref[FlowRunContext]] = {}
        self._elsewhere: dict[_Elsewhere, weakref.ref[FlowRunContext]] = {}
        self._write_end: int | None = None
        self._next: int | None = None
        self._asked = False

    def listen(self) -> None:
        """Makes sure that signals are heard: at once in the main thread, else as soon as that does anything."""
        if threading.current_thread() is not threading.main_thread():
            if not self._asked:
                self._asked = ctypes.pythonapi.Py_AddPendingCall(_IN_MAIN_THREAD, None) == 0
            return
        self._asked = False
        if self._write_end is None:
            read_end, self._write_end = os.pipe()
            os.set_blocking(self._write_end, False)
            threading.Thread(target=self._hear, args=(read_end,), name="skillbox-signals", daemon=True).start()
        before = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        if before not in (self._write_end, -1):
            # Somebody else listens too, an event loop for instance: pass on what comes. Through a descriptor of
            # our own, because theirs may be closed, and its number be given to a file.
            self._pass_on_to(os.dup(before))

    def forget(self) -> None:
        """For a forked child, whose signals are none of its parent's: it must not write them where that one listens."""
        if self._write_end is not None:
            signal.set_wakeup_fd(-1)
        self._begin()

    def _pass_on_to(self, descriptor: int) -> None:
        with self._lock:
            before, self._next = self._next, descriptor
        if before is not None:
            os.close(before)

    def _hear(self, read_end: int) -> None:
        while numbers := os.read(read_end, 64):
            with self._lock:
                try:
                    if self._next is not None:
                        os.write(self._next, numbers)
                except OSError:
                    os.close(cast(int, self._next))
                    self._next = None
            if _STOPPING.intersection(numbers):
                self.stop()
                self._stop_elsewhere()

    def stop(self) -> None:
        """Trips every token there is, and those that skills of the flow runs going on here will ask for."""
        with self._lock:
            tokens = dict(self._tokens)
            self._forget_ended()
            self._stopped.update(owner for _, owner in self._going_on)
            self._stopped.update(run for run in tokens.values() if run is not None)
        for token in tokens:
            token.cancel()

    def is_stopped(self, owner: Owner | None) -> bool:
        """Whether a signal has stopped the skills of this flow run."""
        with self._lock:
            return owner is not None and owner.flow_run_id in self._stopped

    def follow(self, context: FlowRunContext, owner: Owner | None) -> None:
        """Notes that skills of this flow run are about to begin in this process, and have no token yet.

        Args:
            context: For as long as it is there the flow run goes on.
        """
        if owner is not None:
            with self._lock:
                self._forget_ended()
                self._going_on[id(context), owner.flow_run_id] = weakref.ref(context)

    def end_elsewhere(self, context: FlowRunContext, owner: Owner | None, installation: str | None) -> None:
        """Notes that skills of this flow run may run in other processes; they are ended with it.

        Args:
            context: For as long as it is there the flow run goes on.
        """
        if owner is not None:
            with self._lock:
                self._forget_ended()
                self._elsewhere[_Elsewhere(id(context), owner.flow_run_id, installation)] = weakref.ref(context)

    def _forget_ended(self) -> None:
        # Not by a callback of the reference: that may come while this very thread holds the lock.
        self._going_on = {key: context for key, context in self._going_on.items() if _goes_on(context)}
        self._elsewhere = {key: context for key, context in self._elsewhere.items() if _goes_on(context)}

    def _stop_elsewhere(self) -> None:
        with self._lock:
            self._forget_ended()
            owners = {(key.owner, key.installation) for key in self._elsewhere}
            self._elsewhere.clear()
        found: dict[str | None, Installation] = {}
        # A pool's process goes on with what it had been handed already, so once is not enough.
        for _ in range(_ROUNDS if owners else 0):
            for owner, installation in owners:
                try:
                    parts = found.get(installation) or installation_for(installation_settings(installation))
                    found[installation] = parts
                    end_owner(parts, owner, Status.CANCELLED)
                except SkillboxError as error:
                    logger.warning("skills of this flow run in other processes could not be ended: %s", error)
            time.sleep(_ROUND)

    @contextmanager
    def token(self, flow_run_id: str | None) -> Iterator[CancelToken]:
        """A token for one skill run, tripped from the start if its flow run is being stopped."""
        token = CancelToken()
        with self._lock:
            self._tokens[token] = flow_run_id
            if flow_run_id in self._stopped:
                token.cancel()
        try:
            yield token
        finally:
            with self._lock:
                self._tokens.pop(token, None)


def _goes_on(context: weakref.ref[FlowRunContext]) -> bool:
    """Whether a flow run has not ended. Threads that began in one keep its context, so that is not the whole answer."""
    found = context()
    return found is not None and getattr(found.task_runner, "_started", True)


def _in_main_thread(_: int | None) -> int:
    # Of a flow whose skills are called in tasks of its own, the main thread never comes by here by itself: not even the
    # module of a deployment is loaded in it.
    _watch.listen()
    return 0


_IN_MAIN_THREAD = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(_in_main_thread)
_watch = _Watch()
os.register_at_fork(after_in_child=_watch.forget)
listen = _watch.listen
is_stopped = _watch.is_stopped
follow = _watch.follow
end_elsewhere = _watch.end_elsewhere
token = _watch.token
