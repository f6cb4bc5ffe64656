"""Raw bytes between a worker and the engine, and what ends them."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress

CHUNK = 64 * 1024


def pump(read: Callable[[int], bytes], target: socket.socket) -> None:
    """Passes bytes on until there are no more, or one side is gone."""
    try:
        while part := read(CHUNK):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One side is gone; the other is closed by whoever opened it.
        pass


def hang_up_after(client: socket.socket, engine: socket.socket) -> None:
    """Ends the engine's side with the client's, so that a silent stream that nobody reads takes no place."""
    with suppress(OSError, ValueError):
        poll = select.poll()
        # Without an event asked for, it waits for the end of both directions; one alone is a client that still reads.
        poll.register(client, 0)
        poll.poll()
        engine.shutdown(socket.SHUT_RDWR)
