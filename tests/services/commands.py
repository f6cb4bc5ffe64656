"""Programs in processes of their own, each forked where its modules are loaded already: the `skillbox` command, flows.

To load them takes a second or two of computing, which some hundred calls would pay. All else is as for a process that
is started: arguments, environment, folder, streams, signals, and how it ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

PROGRAM = str(Path(sys.executable).parent / "skillbox")
_LARGEST = 1 << 17

Command = Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def commands(kind: str = "command") -> Iterator[Command]:
    """Gives a function that calls the command, as `subprocess.run` would.

    It takes the arguments, and by name `env`, `cwd` (by default the folder of this process), `stdin`, a text, and
    `timeout` in seconds.

    Args:
        kind: `command` for `skillbox`; `flows` for any script with flows, whose path is then the first argument.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Not with this file's folder on the path: there are modules called like packages in it.
    line = [sys.executable, "-P", __file__, str(theirs.fileno()), kind]
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    theirs.close()

    def call(
        *arguments: str,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stdin: str = "",
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        with TemporaryFile("w+") as given, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            given.write(stdin)
            given.seek(0)
            asked = {"arguments": arguments, "environment": dict(env), "folder": str(cwd or Path.cwd())}
            socket.send_fds(ours, [json.dumps(asked).encode()], [given.fileno(), out.fileno(), err.fileno()])
            child = int(ours.recv(_LARGEST) or _ended())
            ours.settimeout(timeout)
            try:
                code = int(ours.recv(_LARGEST) or _ended())
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                ours.settimeout(20)
                # How it ended, which the next call would take for its own.
                ours.recv(_LARGEST)
                raise subprocess.TimeoutExpired(arguments, timeout) from None
            finally:
                ours.settimeout(None)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(arguments, code, out.read(), err.read())

    try:
        yield call
    finally:
        ours.close()
        process.wait(20)


def _ended() -> bytes:
    raise RuntimeError("the process that forks commands has ended; what it said is on this one's standard error")


def _serve(link: socket.socket) -> None:
    """Forks a process for each call. Comes back in that process, which is to be the command, and at the end."""
    while True:
        message, streams, _, _ = socket.recv_fds(link, _LARGEST, 3)
        if not message:
            sys.exit()
        child = os.fork()
        if not child:
            link.close()
            return _become(json.loads(message), streams)
        for one in streams:
            os.close(one)
        link.send(b"%d" % child)
        link.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _become(asked: dict[str, Any], streams: list[int]) -> None:
    for number, one in enumerate(streams):
        os.dup2(one, number)
        os.close(one)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.argv = asked["arguments"]


def _load(package: str) -> None:
    """Loads all modules of a package."""
    for _, name, _ in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not name.startswith("skillbox_core.storage.migrations."):
            importlib.import_module(name)


def _command() -> None:
    from skillbox_core.cli import main

    sys.argv.insert(0, PROGRAM)
    main()


def _flows() -> None:
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")


_KINDS: dict[str, tuple[str, Callable[[], None]]] = {
    "command": ("skillbox_core", _command),
    "flows": ("prefect_skillbox", _flows),
}
"""What is loaded, and what is run in a process of its own."""

if __name__ == "__main__":
    _link = socket.socket(fileno=int(sys.argv[1]))
    _package, _run = _KINDS[sys.argv[2]]
    _load("skillbox_core")
    _load(_package)
    assert threading.active_count() == 1, "only one thread survives a fork"
    # A child would otherwise look through all of it as it ends, and so copy it first.
    gc.freeze()
    _serve(_link)
    _run()
