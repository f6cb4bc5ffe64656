"""Which containers are orphans."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from skillbox_core import Status
from skillbox_core.operations.orphan_rules import REMOVAL, UNKNOWN, judge_claimed, judge_container, judge_waiting
from skillbox_core.sandbox.container import LABEL_DEADLINE, LABEL_EXECUTION, LABEL_OWNER, LABEL_WAITING
from skillbox_core.storage.tables import ExecutionRow, WaitingRow

NOW = float(int(time.time()))
PATIENCE = 720.0


@pytest.mark.parametrize(
    ("ago", "status", "owner_is", "why"),
    [
        (0.1, Status.SUCCESS, None, None),
        (REMOVAL - 1, Status.FAILED, None, None),
        # The clock of the worker is before this one's, or after it by more than a little.
        (-5.0, Status.SUCCESS, None, None),
        (-REMOVAL - 1, Status.SUCCESS, None, "its execution is finished (success)"),
        (REMOVAL + 1, Status.SUCCESS, None, "its execution is finished (success)"),
        (0.1, Status.CANCELLED, Status.CANCELLED, "the run that it belonged to is over (cancelled)"),
        (None, Status.RUNNING, None, None),
    ],
)
def test_a_container_whose_record_was_just_closed_is_its_own_workers_to_remove(
    ago: float | None, status: Status, owner_is: Status | None, why: str | None
) -> None:
    labels = {LABEL_EXECUTION: "e", LABEL_OWNER: "o", LABEL_DEADLINE: f"{NOW + 60:.0f}"}
    finished = datetime.fromtimestamp(NOW - ago, UTC) if ago is not None else None
    record = ExecutionRow(id="e", status=status, finished_at=finished, attempt=1, idempotency_key="k")
    over = {"o": owner_is} if owner_is else {}
    orphan = judge_container({"Id": "c", "Labels": labels}, {"e": record}, over, NOW, 3600.0)
    assert (orphan.why if orphan else None) == why


WAITS = {"Id": "c", "Names": ["/skillbox-waiting-a"], "Labels": {LABEL_WAITING: "kind"}, "State": "running"}


def waiting(*, ready: bool = True, left: float = 60.0) -> WaitingRow:
    ends = datetime.fromtimestamp(NOW + left, UTC)
    return WaitingRow(
        instance="i", engine="e", place=0, name="skillbox-waiting-a", kind="kind", ready=ready, made_at=ends,
        ends_at=ends,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "age", "state", "why"),
    [
        # Being made, or just given up by whoever makes it.
        (None, 0.0, "created", None),
        (None, UNKNOWN - 1, "running", None),
        (None, UNKNOWN + 1, "running", "it waits for a job, and no record knows it"),
        (None, UNKNOWN + 1, "exited", "it waits for a job, and no record knows it"),
        # Waiting.
        (waiting(), 1e6, "running", None),
        (waiting(ready=False), 1.0, "created", None),
        (waiting(ready=False), 1.0, "running", None),
        # A row that was noted as ready before this list was read.
        (waiting(), 1.0, "created", None),
        # Over.
        (waiting(left=-5.0), 1.0, "running", "nobody took it, and its time is over since 5 s"),
        (waiting(left=-5.0, ready=False), 1.0, "created", "nobody took it, and its time is over since 5 s"),
        (waiting(), 1.0, "exited", "it waits for nothing any more (exited)"),
        (waiting(), 1.0, "paused", "it waits for nothing any more (paused)"),
        (waiting(), 1.0, "dead", "it waits for nothing any more (dead)"),
    ],
)
def test_a_waiting_container_is_an_orphan_when_nobody_can_take_it(
    row: WaitingRow | None, age: float, state: str, why: str | None
) -> None:
    orphan = judge_waiting({**WAITS, "Created": int(NOW - age), "State": state}, row, NOW)
    assert (orphan.why if orphan else None) == why
    if orphan:
        assert (orphan.kind, orphan.name, orphan.execution_id) == ("waiting", "skillbox-waiting-a", "")


@pytest.mark.parametrize(
    ("status", "ago", "left", "owner_is", "why"),
    [
        (Status.RUNNING, None, 60.0, None, None),
        (Status.RUNNING, None, -PATIENCE + 1, None, None),
        (Status.RUNNING, None, -PATIENCE - 5, None, f"its deadline is over since {PATIENCE + 5:.0f} s"),
        (Status.RUNNING, None, None, None, "it says no deadline"),
        (Status.RUNNING, None, 60.0, Status.CANCELLED, "the run that it belonged to is over (cancelled)"),
        (Status.SUCCESS, REMOVAL - 1, 60.0, None, None),
        (Status.SUCCESS, REMOVAL + 1, 60.0, None, "its execution is finished (success)"),
    ],
)
def test_a_waiting_container_that_was_taken_is_judged_by_the_record_and_not_by_its_labels(
    status: Status, ago: float | None, left: float | None, owner_is: Status | None, why: str | None
) -> None:
    record = ExecutionRow(
        id="e",
        status=status,
        attempt=3,
        idempotency_key="k",
        owner="o",
        claimed="skillbox-waiting-a",
        finished_at=datetime.fromtimestamp(NOW - ago, UTC) if ago is not None else None,
        deadline_at=datetime.fromtimestamp(NOW + left, UTC) if left is not None else None,
    )
    # Its own deadline is that of its wait, which is long over.
    container = {**WAITS, "Labels": {LABEL_WAITING: "kind", LABEL_DEADLINE: f"{NOW - 1e6:.0f}"}}
    orphan = judge_claimed(container, record, {"o": owner_is} if owner_is else {}, NOW, PATIENCE)
    assert (orphan.why if orphan else None) == why
    if orphan:
        assert (orphan.kind, orphan.name, orphan.execution_id) == ("container", "skillbox-waiting-a", "e")
        assert orphan.holder == (3, "k")
