"""A worker in a process of its own whose removals are watched: `removing.py WAY`; see `test_removals_live`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from multiprocessing import get_context
from typing import Any

from skillbox_core import Runner, RunOptions
from skillbox_core.sandbox import container
from skillbox_core.settings import load_settings
from tests.faults.world import request

KEY = "removing"


def tell(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def run(runner: Runner) -> None:
    tell(runner.run(request(), RunOptions(key=KEY)).model_dump_json())


def ends(runner: Runner) -> None:
    """Has nothing more to do when it has its result."""
    run(runner)


def killed(runner: Runner) -> None:
    """Dies when the result is there, as its removal begins."""
    told = threading.Event()

    def die(*_: Any) -> None:
        told.wait()
        os.kill(os.getpid(), signal.SIGKILL)

    container.remove = die
    run(runner)
    told.set()
    threading.Event().wait()


def child(runner: Runner) -> None:
    """Runs in a process of multiprocessing's, which ends without what `atexit` has been given."""
    process = get_context("fork").Process(target=run, args=(runner,))
    process.start()
    process.join()


def forks(_: Runner) -> None:
    """Forks between a result and its removal, which takes longer than a fork waits; there is one place."""
    runner = Runner.from_settings(load_settings().model_copy(update={"max_concurrent_execs": 1}))
    inner, go = container.remove, threading.Event()

    def late(*arguments: Any) -> None:
        go.wait()
        inner(*arguments)

    container.remove = late
    run(runner)
    if os.fork() == 0:
        container.remove = inner
        tell(runner.run(request()).model_dump_json())
        sys.exit()
    os.wait()
    go.set()


if __name__ == "__main__":
    {"ends": ends, "killed": killed, "child": child, "forks": forks}[sys.argv[1]](Runner.from_settings(load_settings()))
