"""Checks by a skill's schemas, made in helper processes that can be ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path

from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import InfrastructureError

CPU_SECONDS = 20
"""Processor time for one check. An honest schema takes about 0.7 s for each MB of small objects; a skill may use
more than this in its sandbox anyway."""
MEMORY = 1024 * 1024 * 1024
PATIENCE = 120.0
"""Seconds without an answer before a helper is given up: a backstop, its limits end it sooner."""
_SPARE = 2
_AT_ONCE = 4
"""Helpers: each may take `MEMORY`, and a mapped task may ask hundreds of questions at once."""
_OUT_OF_MEMORY = 12
_PROGRAM = Path(__file__).with_name("validation_process.py")


def find_breach(schema: str, document: str) -> str | None:
    """Where a document breaks a schema, and which rule; None when it fits.

    Args:
        schema, document: JSON texts.

    Raises:
        InfrastructureError: The helper could not be started, or was ended by somebody else.
    """
    return _ask(schema.encode(), document.encode(errors="surrogatepass"))


@lru_cache(maxsize=256)
def find_schema_problem(schema: str) -> str | None:
    """What keeps a JSON text from being a JSON Schema; None for a valid one. Raises as `find_breach`."""
    return _ask(schema.encode(), b"")


def _ask(schema: bytes, document: bytes) -> str | None:
    with _turn:
        try:
            helper = _idle.pop()
        except IndexError:
            helper = _Helper()
        answer = helper.ask(schema, document)
        if helper.usable and len(_idle) < _SPARE:
            _idle.append(helper)
        else:
            helper.end()
        return answer


class _Helper:
    """One process, for one question at a time. It ends with this one, whose end of the socket then closes."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(PATIENCE)
        try:
            with theirs:
                # A session of its own: Ctrl-C is for the run, which then ends its helpers itself.
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-P", str(_PROGRAM), str(CPU_SECONDS), str(MEMORY)],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
        except OSError as error:
            self._socket.close()
            raise InfrastructureError(f"the schema check can't be started: {error.strerror}") from error
        self.usable = True

    def ask(self, schema: bytes, document: bytes) -> str | None:
        """The answer, or that there is none within the limits."""
        try:
            self._socket.sendall(b"%d %d\n%b%b" % (len(schema), len(document), schema, document))
            answer = b""
            while not answer.endswith(b"\n"):
                chunk = self._socket.recv(65536)
                if not chunk:
                    raise EOFError
                answer += chunk
            return str(said) if (said := json.loads(answer)) is not None else None
        except (OSError, EOFError):
            self.end()
            if self._process.returncode in (-signal.SIGXCPU, _OUT_OF_MEMORY):
                return f"checking takes over {CPU_SECONDS} s of processor time or {format_bytes(MEMORY)} of memory"
            raise InfrastructureError("the schema check was ended before it could answer") from None
        except BaseException:
            # Interrupted in the middle of an answer, which must not be taken for the next one's.
            self.end()
            raise

    def end(self) -> None:
        """Ends the process; nothing it holds is of worth."""
        self.usable = False
        self._socket.close()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _after_fork() -> None:
    # Two processes must not talk to one helper, and a turn that another thread took is never given back in the child.
    global _turn
    _idle.clear()
    _turn = threading.BoundedSemaphore(_AT_ONCE)


_idle: list[_Helper] = []
_turn = threading.BoundedSemaphore(_AT_ONCE)
os.register_at_fork(after_in_child=_after_fork)
