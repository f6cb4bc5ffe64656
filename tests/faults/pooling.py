"""A worker that takes a waiting container, and is killed at a point: `pooling.py POINT KEY`; see `test_pool_killed`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

from skillbox_core import Runner, RunOptions, RunRequest, wait_for_removals
from skillbox_core.run import pool, steps
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.streams import Attachment
from skillbox_core.settings import load_settings
from skillbox_core.storage.execution_writes import ExecutionStore
from skillbox_core.storage.waiting_records import WaitingRecords

OWNER = "flow"


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    # The signal is on its way; nothing after this line may happen.
    threading.Event().wait()


def after(owner: Any, name: str, times: int = 1) -> None:
    """Dies when `owner.name` has been called so many times."""
    inner, left = getattr(owner, name), iter(range(times - 1))

    def call(*args: Any, **kwargs: Any) -> Any:
        given = inner(*args, **kwargs)
        return die() if next(left, None) is None else given

    setattr(owner, name, call)


TAKING: dict[str, Callable[[], None]] = {
    "the claim": lambda: after(ExecutionStore, "claim"),
    "the look at it": lambda: after(pool, "check_waiting"),
    "the attachment": lambda: after(Engine, "attach"),
    "the first line": lambda: after(Attachment, "write"),
    "the hand-over": lambda: after(steps, "hand_over"),
}
MAKING: dict[str, Callable[[], None]] = {
    "the row": lambda: after(WaitingRecords, "enter"),
    "the making": lambda: after(Engine, "create"),
    "the start": lambda: after(Engine, "start"),
    "the note that it waits": lambda: after(WaitingRecords, "ready"),
}


def told(runner: Runner, key: str) -> None:
    result = runner.run(RunRequest(skill="once"), RunOptions(key=key, owner=OWNER))
    # In one piece: the next container may be made by now, and this process die of it.
    os.write(1, result.model_dump_json().encode() + b"\n")


def forks(runner: Runner, key: str) -> None:
    """Forks behind a result, while the next container is made; both go on."""
    told(runner, key)
    if os.fork() == 0:
        told(runner, f"{key} of the child")
        sys.exit()
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
    told(runner, f"{key} of the parent")


def child(runner: Runner, key: str) -> None:
    """Runs in a process of multiprocessing's, which ends without what `atexit` has been given."""
    process = get_context("fork").Process(target=told, args=(runner, key))
    process.start()
    process.join()
    assert process.exitcode == 0


WAYS: dict[str, Callable[[Runner, str], None]] = {"ends": told, "forks": forks, "child": child}


def main(point: str, key: str) -> None:
    if way := WAYS.get(point):
        way(Runner.from_settings(load_settings()), key)
        return
    {**TAKING, **MAKING, "nothing": lambda: None}[point]()
    told(Runner.from_settings(load_settings()), key)
    wait_for_removals()


if __name__ == "__main__":
    main(*sys.argv[1:])
