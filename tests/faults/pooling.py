"""A worker that takes a waiting container, and is killed at a point: `pooling.py POINT KEY`; see `test_pool_killed`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
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


def main(point: str, key: str) -> None:
    {**TAKING, **MAKING, "nothing": lambda: None}[point]()
    runner = Runner.from_settings(load_settings())
    result = runner.run(RunRequest(skill="once"), RunOptions(key=key, owner=OWNER))
    # In one piece: the next container may be made by now, and this process die of it.
    os.write(1, result.model_dump_json().encode() + b"\n")
    wait_for_removals()


if __name__ == "__main__":
    main(*sys.argv[1:])
