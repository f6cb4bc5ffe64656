"""Helper processes: programs of ours that read what strangers wrote, within limits that the kernel keeps.

What can take a parser for ever, for all memory, or over, takes a process that holds nothing. Each program is started by
its path, imports its parser and nothing of this package, and has none of this process's environment but what tells
Python where its packages are. It answers each question with a line.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from skillbox_core.errors import InfrastructureError

OUT_OF_MEMORY = 12
"""The exit code of a helper that came to its limit of memory."""
_OVER = (-signal.SIGXCPU, OUT_OF_MEMORY)
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE")


class Helper:
    """One process, for one question at a time. It ends with this one, whose end of the socket then closes.

    Args:
        what: What it does, for errors: "the schema check".
        program: The path of its file.
        arguments: For the program.
        memory: Bytes of address space.
        patience: Seconds for an answer: a backstop behind the limits of processor time.
        cpu_seconds: Processor time in all; None where the program sets that by itself.
        file: A descriptor that it has too, under the same number.

    Raises:
        InfrastructureError: It can't be started.
    """

    def __init__(
        self,
        what: str,
        program: Path,
        arguments: Sequence[str] = (),
        *,
        memory: int,
        patience: float,
        cpu_seconds: int | None = None,
        file: int | None = None,
    ) -> None:
        self._what = what
        self._patience = patience
        self._socket, theirs = socket.socketpair()
        try:
            with theirs:
                # A session of its own: Ctrl-C is for the run, which then ends its helpers itself.
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-P", str(program), *arguments],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.DEVNULL,
                    pass_fds=() if file is None else (file,),
                    env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                    start_new_session=True,
                )
        except OSError as error:
            self._socket.close()
            raise InfrastructureError(f"{what} can't be started: {error.strerror}") from error
        self.usable = True
        try:
            # Before it is told anything: a question comes only when these hold.
            self._limit(resource.RLIMIT_CORE, 0)
            self._limit(resource.RLIMIT_AS, memory)
            if cpu_seconds is not None:
                self._limit(resource.RLIMIT_CPU, cpu_seconds)
        except OSError as error:
            self.end()
            raise InfrastructureError(f"{what} can't be limited: {error.strerror}") from error

    def _limit(self, kind: int, value: int) -> None:
        if sys.platform != "linux":
            # Only there can another process's limits be set; patience is what is left.
            return
        _, hard = resource.prlimit(self._process.pid, kind)
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # At the hard limit of processor time the kernel kills without a word of why.
        resource.prlimit(self._process.pid, kind, (lowered, hard if kind == resource.RLIMIT_CPU else lowered))

    def ask(self, question: bytes, most: int = 1024 * 1024) -> bytes | None:
        """The line that answers a question; None when it took more than the limits.

        Args:
            question: As the program reads it.
            most: Bytes of the answer.

        Raises:
            InfrastructureError: There was no answer, for whatever reason: it crashed, or somebody ended it.
        """
        give_up = time.monotonic() + self._patience
        try:
            self._socket.settimeout(self._patience)
            self._socket.sendall(question)
            answer = bytearray()
            while not answer.endswith(b"\n"):
                self._socket.settimeout(max(give_up - time.monotonic(), 0.001))
                chunk = self._socket.recv(65536)
                if not chunk or len(answer) + len(chunk) > most:
                    raise EOFError
                answer += chunk
            return bytes(answer)
        except (OSError, EOFError):
            self.end()
            if self._process.returncode in _OVER:
                return None
            raise InfrastructureError(f"{self._what} was ended before it could answer") from None
        except BaseException:
            # Interrupted in the middle of an answer, which must not be taken for the next one's.
            self.end()
            raise

    def end(self) -> None:
        """Ends the process and whatever it started; nothing they hold is of worth."""
        self.usable = False
        self._socket.close()
        if self._process.returncode is None:
            # Not waited for yet, so nobody else can have its number.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Turns:
    """How many helpers of a kind work at once: each takes its memory, and a mapped task asks hundreds of questions."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._renew()
        # A turn that another thread took is never given back in the child.
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._free = threading.BoundedSemaphore(self._at_once)

    def __enter__(self) -> None:
        self._free.acquire()

    def __exit__(self, *_: object) -> None:
        self._free.release()
