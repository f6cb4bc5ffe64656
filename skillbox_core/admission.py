"""Admission: at most so many executions of one process in containers at once."""

from __future__ import annotations

import threading

from skillbox_core.cancel import CancelToken


class Admission:
    """At most so many executions of this process in containers at once; entering twice counts once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside: set[str] = set()
        self._changed = threading.Condition()

    def enter(self, execution_id: str, cancel: CancelToken | None) -> None:
        with self._changed:
            while execution_id not in self._inside and len(self._inside) >= self._limit:
                if cancel and cancel.cancelled:
                    return
                self._changed.wait(0.25)
            self._inside.add(execution_id)

    def leave(self, execution_id: str) -> None:
        with self._changed:
            self._inside.discard(execution_id)
            self._changed.notify()
