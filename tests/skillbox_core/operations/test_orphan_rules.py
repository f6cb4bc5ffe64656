"""Which containers are orphans."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from skillbox_core import Status
from skillbox_core.operations.orphan_rules import REMOVAL, judge_container
from skillbox_core.sandbox.container import LABEL_DEADLINE, LABEL_EXECUTION, LABEL_OWNER
from skillbox_core.storage.tables import ExecutionRow

NOW = time.time()


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
