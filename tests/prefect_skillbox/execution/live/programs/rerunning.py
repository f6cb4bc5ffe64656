"""One try of a flow run, which kills its own process at a chosen point.

    rerunning.py FLOW FLOW_RUN_ID SKILL [POINT]

A point is `before STEP`, `after STEP`, or `within NAME`, one of the calls below that a step makes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow

from prefect_skillbox import skill
from skillbox_core.base.file_archive import ArchiveWriter
from skillbox_core.run import pool, steps
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox import container, follow
from skillbox_core.sandbox.engine import Attachment, Engine
from skillbox_core.storage.execution_writes import ExecutionStore
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.waiting_records import WaitingRecords


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    # The signal is on its way; nothing after this line may happen.
    threading.Event().wait()


def before(owner: Any, name: str, *, skip: int = 0) -> None:
    """Dies where `owner.name` would be called, after it was called `skip` times."""
    inner, calls = getattr(owner, name), iter(range(skip))

    def call(*args: Any, **kwargs: Any) -> Any:
        if next(calls, None) is None:
            die()
        return inner(*args, **kwargs)

    setattr(owner, name, call)


def after(owner: Any, name: str) -> None:
    inner = getattr(owner, name)
    setattr(owner, name, lambda *args, **kwargs: die(inner(*args, **kwargs)))


def on_second_line() -> None:
    """Dies in the middle of a wait, when the skill has said something and is not done."""
    inner = Steps.wait

    def wait(self: Steps, *args: Any) -> Any:
        self._on_log = lambda _stream, line: die() if line == "line 1" else None
        return inner(self, *args)

    Steps.wait = wait  # type: ignore[method-assign]


WITHIN: dict[str, Callable[[], None]] = {
    # The first line is written, the skill is not.
    "delivery": lambda: before(Attachment, "write", skip=1),
    "wait": on_second_line,
    "collect": lambda: before(ArchiveWriter, "add"),
    "upload": lambda: after(Bucket, "put"),
    "close": lambda: after(ExecutionStore, "close"),
    "end of wait": lambda: after(follow, "wait"),
    # Behind the result: the flow has it, and may have ended.
    "removal": lambda: before(container, "remove"),
}
MADE: dict[str, Callable[[], None]] = {
    "create": lambda: after(Engine, "create"),
    "start": lambda: after(Engine, "start"),
    "launch note": lambda: after(ExecutionStore, "note_launch"),
    "adoption": lambda: after(steps, "launch_container"),
}
"""Of a container that is made for the run."""
TAKEN: dict[str, Callable[[], None]] = {
    "claim": lambda: after(ExecutionStore, "claim"),
    "look": lambda: after(pool, "check_waiting"),
    "attachment": lambda: after(Engine, "attach"),
    "hand-over": lambda: after(steps, "hand_over"),
    # Behind the result: the next one is made.
    "the next one's row": lambda: after(WaitingRecords, "enter"),
    "the next one's start": lambda: after(Engine, "start"),
}
"""Of one that waited."""


@flow
def one(name: str) -> None:
    result = skill(name)({"n": 7})
    assert result.output == {"n": 7}


@flow
def nested(name: str) -> None:
    one(name)


@flow
def batch(name: str) -> None:
    # Two that ask for the same are two all the same; a part is smaller in the try that follows a death.
    inputs = [{"n": n} for n in (0, 1, 1, 2, 3, 4)]
    results = skill(name).batch(iter(inputs), size=4 if sys.argv[4:] else 3).result()
    assert [result.output for result in results] == inputs
    assert len({result.execution_id for result in results}) == len(inputs)


FLOWS: dict[str, Any] = {"one": one, "nested": nested, "batch": batch}


def main(which: str, run_id: str, name: str, point: str = "") -> None:
    when, _, where = point.partition(" ")
    if when == "before":
        before(Steps, where)
    elif when == "after":
        after(Steps, where)
    elif when:
        {**WITHIN, **MADE, **TAKEN}[where]()
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(uuid.UUID(run_id))
    run_flow(FLOWS[which], flow_run=flow_run, parameters={"name": name})


if __name__ == "__main__":
    main(*sys.argv[1:])
