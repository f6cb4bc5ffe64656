"""A way to ask a running execution to stop, from any thread or signal handler."""

from __future__ import annotations

import threading


class CancelToken:
    """Set once, seen by every wait that holds it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Asks for the end. Safe to call again, and from a signal handler."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether the end was asked for."""
        return self._event.is_set()
