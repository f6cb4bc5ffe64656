"""Admission: at most so many executions of one process in containers at once, first come, first served."""

from __future__ import annotations

import threading
from collections import deque

from skillbox_core.base.cancel import CancelToken
from skillbox_core.errors import RunCancelledError

SLICE = 0.5
"""Seconds at most until one who waits hears that it was cancelled."""


class Admission:
    """Places for executions; entering twice counts once.

    Who waits has no container, no connection and no deadline yet.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside: set[str] = set()
        self._waiting: deque[_Ticket] = deque()
        self._lock = threading.Lock()

    def enter(self, execution_id: str, cancel: CancelToken | None) -> None:
        """Waits for a place.

        Raises:
            RunCancelledError: The token was tripped before there was one.
        """
        ticket = _Ticket(execution_id)
        with self._lock:
            self._waiting.append(ticket)
            self._admit()
        try:
            while not ticket.admitted.wait(SLICE):
                if cancel and cancel.cancelled:
                    raise RunCancelledError("cancelled by the caller while it waited for a place")
        except BaseException:
            with self._lock:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
            # Otherwise its turn came just now; the cleanup that follows gives the place back.
            raise

    def leave(self, execution_id: str) -> None:
        """Gives a place back; one that was never taken is fine."""
        with self._lock:
            self._inside.discard(execution_id)
            self._admit()

    def _admit(self) -> None:
        """Lets in whoever may. Each waits for a word of its own, so that nobody else is woken."""
        while self._waiting and (len(self._inside) < self._limit or self._waiting[0].execution_id in self._inside):
            ticket = self._waiting.popleft()
            self._inside.add(ticket.execution_id)
            ticket.admitted.set()


class _Ticket:
    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        self.admitted = threading.Event()
