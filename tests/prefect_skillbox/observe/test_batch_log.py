"""How the lines of a batch's inputs are told apart, how far it is, and the rows of its table."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import pytest
from prefect.states import Cancelled, Completed, Failed, State

from prefect_skillbox.observe.artifacts import Home
from prefect_skillbox.observe.batch_table import MAX_ROWS, BatchTable, part_rows
from prefect_skillbox.observe.chunk_progress import progress
from prefect_skillbox.observe.marked_log import MarkedLog, SaidOnce
from skillbox_core import BatchFailedError, Reason, RunResult, Status
from skillbox_core.base.progress import Progress

GOOD = RunResult(execution_id="1" * 32, status=Status.SUCCESS)
BAD = RunResult(execution_id="2" * 32, status=Status.FAILED, reason=Reason.EXIT, error="odd")


def test_each_line_has_its_inputs_mark(caplog: pytest.LogCaptureFixture) -> None:
    log = MarkedLog(MarkedLog(logging.getLogger("batch"), "x"), "[17] ")
    with caplog.at_level(logging.INFO, "batch"):
        log.info("%s of 100%%", "one\n\ntwo")
        log.warning("100% plain")
        log.debug("%s", object())
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "x[17] one\nx[17] \nx[17] two of 100%"),
        ("WARNING", "x[17] 100% plain"),
    ]


def test_what_all_inputs_wait_for_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    log = SaidOnce(logging.getLogger("batch"))
    with caplog.at_level(logging.INFO, "batch"):
        for limit in ("a", "b"):
            log.info("waiting for a slot of %s", limit)
        log.warning("lost")
    assert [record.getMessage() for record in caplog.records] == ["waiting for a slot of a", "lost"]


@pytest.mark.parametrize(
    ("ends", "count", "shown"),
    [
        ({}, 3, Progress(0, "0 of 3 inputs")),
        ({"success": 1}, 3, Progress(33, "1 of 3 inputs: 1 success")),
        ({"success": 1, "failed": 2}, 3, Progress(100, "3 of 3 inputs: 2 failed, 1 success")),
        ({"success": 199}, 200, Progress(99, "199 of 200 inputs: 199 success")),
    ],
)
def test_how_far_a_part_is(ends: dict[str, int], count: int, shown: Progress) -> None:
    assert progress(Counter(ends), count) == shown


@pytest.mark.parametrize(
    ("ended", "statuses"),
    [
        (Completed(data=[GOOD, BAD]), ["success", "failed: exit"]),
        (Failed(data=BatchFailedError.of([GOOD, BAD])), ["success", "failed: exit"]),
        (Failed(data=ValueError("odd")), ["failed", "failed"]),
        (Cancelled(message="stopped"), ["cancelled", "cancelled"]),
        (Completed(data=[GOOD]), ["completed", "completed"]),
    ],
)
def test_a_part_has_a_row_for_each_of_its_inputs(ended: State[Any], statuses: list[str]) -> None:
    rows = part_rows(40, 2, ended)
    assert [(row["input"], row["status"]) for row in rows] == list(zip((40, 41), statuses, strict=True))


def test_a_table_keeps_no_more_rows_than_it_shows_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefect_skillbox.observe.outbox.post", lambda _item: None)
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("prefect_skillbox.observe.batch_table.Artifact.create", lambda _self, _client: "id")
    monkeypatch.setattr(
        "prefect_skillbox.observe.batch_table.change", lambda _client, _id, changes: sent.append(changes)
    )
    table = BatchTable("many", None, Home(None, None))
    client: Any = None
    for first in range(0, MAX_ROWS + 600, 400):
        table.expect(400)
        table.add(first, 400, Completed(data=[GOOD] * 399 + [BAD]))
        table.send(client)
        assert table.every == 5
    table.complete()
    assert table.every == 0
    table.send(client)
    assert len(table._rows) == len(sent[-1]["data"]) == MAX_ROWS
    assert [row["input"] for row in sent[-1]["data"]] == list(range(MAX_ROWS))
    assert sent[0]["description"] == "`many` over 800 inputs so far: 800 ended (2 failed: exit, 798 success)"
    assert sent[-1]["description"] == (
        "`many` over 1600 inputs: 1600 ended (4 failed: exit, 1596 success); the first 1000 are shown"
    )
