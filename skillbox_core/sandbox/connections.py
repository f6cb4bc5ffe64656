"""What one process has of the sandboxes that it started: their connections, and outputs that came by them."""

from __future__ import annotations

import threading
from typing import TypeVar

from skillbox_core.models import Sandbox
from skillbox_core.sandbox.streams import Attachment

T = TypeVar("T")


class Connections:
    """Live attachments of this process and what came by them, by container.

    Another process has none. It reads the engine's log, and the output from the sandbox.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, Attachment]] = {}
        self._outputs: dict[str, tuple[str, bytes]] = {}
        self._lock = threading.Lock()

    def put(self, sandbox: Sandbox, attachment: Attachment) -> None:
        """Keeps an attachment for the wait that follows."""
        self.drop(sandbox.name)
        with self._lock:
            self._open[sandbox.name] = sandbox.container_id, attachment

    def take(self, sandbox: Sandbox) -> Attachment | None:
        """Hands an attachment over; a second caller gets None."""
        with self._lock:
            return _taken(self._open, sandbox)

    def keep_output(self, sandbox: Sandbox, tar: bytes) -> None:
        """Keeps an output that came along for whoever collects it."""
        with self._lock:
            self._outputs[sandbox.name] = sandbox.container_id, tar

    def take_output(self, sandbox: Sandbox) -> bytes | None:
        """Hands an output over; a second caller gets None."""
        with self._lock:
            return _taken(self._outputs, sandbox)

    def drop(self, name: str) -> None:
        """Closes an attachment and forgets an output that nobody took, if there are any."""
        with self._lock:
            self._outputs.pop(name, None)
            _, attachment = self._open.pop(name, ("", None))
        if attachment:
            attachment.close()


def _taken(kept: dict[str, tuple[str, T]], sandbox: Sandbox) -> T | None:
    """What is kept of this very container, which is kept no more; of another one under its name it stays."""
    if kept.get(sandbox.name, ("",))[0] != sandbox.container_id:
        return None
    return kept.pop(sandbox.name)[1]
