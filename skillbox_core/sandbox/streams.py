"""Connections to a container that stay open: its standard streams, and its log."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress

import requests

from skillbox_core.errors import EngineError
from skillbox_core.sandbox.engine_errors import brief, engine_faults

CHUNK = 64 * 1024


class LogFollower:
    """A log that is being followed, on a connection of its own.

    Reading it blocks; `close`, from any thread, ends that. Who reads it frees the connection by `release` then.
    """

    def __init__(self, response: requests.Response, sock: socket.socket) -> None:
        self._response = response
        self._socket = sock

    def __iter__(self) -> Iterator[bytes]:
        with engine_faults("follow the container's log"):
            while chunk := self._response.raw.read1(CHUNK):
                yield chunk

    def close(self) -> None:
        """Breaks the connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Frees the connection, once nobody reads from it."""
        with suppress(Exception):
            self._response.close()


class Attachment:
    """A hijacked connection: raw bytes in both directions, with a time limit on each wait.

    The socket below the answer is used directly, because reads of what lies above it cannot be timed. Nothing
    can be lost in a buffer up there: a container that is attached to before its start has said nothing yet.
    """

    def __init__(self, sock: socket.socket, response: requests.Response) -> None:
        self._response = response
        self._socket = sock
        self._socket.setblocking(False)

    def read(self, timeout: float) -> bytes | None:
        """What has arrived; None when nothing came in `timeout` seconds, `b""` at the end."""
        for attempt in range(2):
            try:
                return self._socket.recv(CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError):
                if attempt or not _ready(self._socket, select.POLLIN, timeout):
                    return None
            except OSError:
                return b""
        return None

    def write(self, data: bytes, deadline: float) -> None:
        """Sends all of `data`, or raises `EngineError` at the deadline (monotonic) or a broken connection."""
        view = memoryview(data)
        while view:
            left = deadline - time.monotonic()
            if left <= 0:
                raise EngineError("handing the skill to its sandbox went on past its deadline")
            try:
                view = view[self._socket.send(view) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                _ready(self._socket, select.POLLOUT, left)
            except OSError as error:
                raise EngineError(f"the connection to the sandbox broke: {brief(error)}") from error

    def close(self) -> None:
        """Closes the connection; the container goes on."""
        for closable in (self._socket, self._response):
            with suppress(Exception):
                closable.close()


def _ready(sock: socket.socket, event: int, timeout: float) -> bool:
    """Waits for a socket; `select.select` could not, in a process with more than 1,024 files open."""
    poll = select.poll()
    poll.register(sock, event)
    return bool(poll.poll(timeout * 1000))
