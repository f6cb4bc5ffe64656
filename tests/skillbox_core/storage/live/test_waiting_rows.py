"""What is kept of a container that waits, in both kinds of database."""

from __future__ import annotations

import uuid
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from skillbox_core.storage.database import Database
from skillbox_core.storage.waiting_records import NewWaiting, WaitingRecords
from tests.services.postgres import fresh_database

GIB = 1024**3


@pytest.fixture(params=["SQLite", "Postgres"])
def waiting(request: pytest.FixtureRequest, tmp_path: Path) -> WaitingRecords:
    if request.param == "SQLite":
        return WaitingRecords(Database(tmp_path / "skillbox.db"))
    return WaitingRecords(Database(fresh_database(request.getfixturevalue("database_url"))))


def new(**changes: str) -> NewWaiting:
    name = f"skillbox-waiting-{uuid.uuid4().hex}"
    one = NewWaiting(
        instance="i",
        engine="e-12345678",
        name=name,
        kind="k" * 32,
        image="registry.example/team/python:3.12-slim",
        image_id=f"sha256:{'ab' * 32}",
        # More than 32 bits hold.
        memory=4 * GIB,
        scratch=3 * GIB,
        cpu_quota=51_200_000,
        ready_for="python main.py: json, pandas",
    )
    return replace(one, **changes)


def test_a_row_says_what_its_container_is_good_for(waiting: WaitingRecords) -> None:
    first, second, elsewhere = new(), new(), new(instance="other")
    for one in (first, second, elsewhere):
        assert waiting.enter(one, seconds=600, most=2)
    assert not waiting.enter(new(), seconds=600, most=2)
    rows = waiting.listed("i", first.engine)
    assert [{key: getattr(row, key) for key in asdict(first)} for row in rows] == [asdict(first), asdict(second)]
    assert [(row.place, row.ready) for row in rows] == [(0, False), (1, False)]
    assert (rows[0].ends_at - rows[0].made_at).total_seconds() == 600


def test_a_database_that_deletes_and_returns_rows_can_hand_one_out(waiting: WaitingRecords) -> None:
    assert waiting.takes
