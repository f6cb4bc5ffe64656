"""A list of executions comes in pages, each read from an index and without what may be large, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, inspect
from sqlalchemy.orm import class_mapper
from sqlalchemy.orm.attributes import instance_state

from skillbox_core import Status
from skillbox_core.errors import ExecutionNotFoundError, InvalidRequestError
from skillbox_core.installation import Installation
from skillbox_core.storage.execution_writes import NewExecution
from skillbox_core.storage.tables import ExecutionRow, aware
from tests.services.records import FIRST, fill, record

LARGE = {"input", "call", "output", "logs", "files_digests", "files_spans", "files_skipped"}
SOME: list[dict[str, Any]] = [
    {"status": Status.FAILED}, {"skill": "skill-3"}, {}, {"status": Status.FAILED, "skill": "skill-5"}
]  # fmt: skip


@pytest.fixture
def filled(store: Installation) -> Installation:
    """5,000 records of a tenant, and some of another in between."""
    own = (record(number) for number in range(5000))
    others = (record(number, "acme", id=f"f{number:031x}", idempotency_key=f"acme/{number}") for number in range(50))
    fill(store.executions._database, [*own, *others])
    return store


def pages(store: Installation, limit: int, **filters: Any) -> Iterator[list[str]]:
    after = None
    while rows := store.executions.list("default", limit=limit, after=after, **filters):
        yield [row.id for row in rows]
        after = rows[-1].id


def test_pages_give_each_record_once_in_one_order_whatever_their_size(filled: Installation) -> None:
    whole = filled.executions.list("default", limit=10_000)
    order = [(aware(row.created_at), row.id) for row in whole]
    assert (len(order), order) == (5000, sorted(order, reverse=True))
    assert len({created for created, _ in order}) < 4000, "moments that records share are what this is about"
    for limit in (1, 7, 1000):
        found = [page for page, _ in zip(pages(filled, limit), range(600), strict=False)]
        assert {len(page) for page in found[:-1]} <= {limit}
        ids = [one for page in found for one in page]
        assert ids == [one for _, one in order][: len(ids)]
        assert len(ids) >= 600


@pytest.mark.parametrize("filters", SOME, ids=str)
def test_pages_of_some_are_those_of_all_that_are_meant(filled: Installation, filters: dict[str, Any]) -> None:
    wanted = [
        row.id
        for row in filled.executions.list("default", limit=10_000)
        if row.status == filters.get("status", row.status) and row.skill_name == filters.get("skill", row.skill_name)
    ]
    assert [one for page in pages(filled, 450, **filters) for one in page] == wanted
    assert wanted


def test_a_record_that_comes_meanwhile_moves_no_page(filled: Installation) -> None:
    first = filled.executions.list("default", limit=10)
    second = [row.id for row in filled.executions.list("default", limit=10, after=first[-1].id)]
    fill(filled.executions._database, [record(9000, created_at=FIRST + timedelta(days=9))])
    assert filled.executions.list("default", limit=1)[0].id == record(9000)["id"]
    assert [row.id for row in filled.executions.list("default", limit=10, after=first[-1].id)] == second


def test_a_page_begins_behind_a_record_of_this_tenant_only(filled: Installation) -> None:
    (theirs,) = filled.executions.list("acme", limit=1)
    for unknown in (theirs.id, "0" * 31 + "1"):
        with pytest.raises(ExecutionNotFoundError, match=f"there is no execution {unknown} in "):
            filled.executions.list("default", after=unknown)
    with pytest.raises(InvalidRequestError, match="not valid"):
        filled.executions.list("default", after="x")


@contextmanager
def spoken(store: Installation) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are sent to the database meanwhile, with their parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    engine = store.executions._database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("filters", SOME, ids=str)
def test_a_page_is_read_from_an_index_in_its_order(filled: Installation, filters: dict[str, Any]) -> None:
    (last, *_) = filled.executions.list("default", limit=1, **filters)
    with spoken(filled) as statements:
        filled.executions.list("default", limit=20, **filters)
        filled.executions.list("default", limit=20, after=last.id, **filters)
        filled.executions.beginning_with("default", last.id[:8], 2)
    selects = [said for said in statements if said[0].startswith("SELECT")]
    assert len(selects) == 4
    for statement, parameters in selects:
        plan = explained(filled, statement, parameters)
        assert not re.search(r"Seq Scan|Sort|SCAN executions|TEMP B-TREE", plan), plan
        assert re.search(r"ix_executions_listed|executions_pkey|sqlite_autoindex_executions_1", plan), plan


def test_what_a_later_try_takes_over_is_looked_for_among_its_owners_records_only(filled: Installation) -> None:
    fill(
        filled.executions._database,
        (record(number, owner=f"flow run {number // 10}", owner_attempt=1) for number in range(10_000, 12_000)),
    )
    new = NewExecution(
        id="f" * 32,
        tenant="default",
        skill="echo",
        asked="latest",
        input="{}",
        key="default/a later try",
        request_digest="d" * 64,
        owner="flow run 1100",
        owner_attempt=2,
        instance="test",
    )
    with spoken(filled) as statements:
        filled.executions.open(new, lambda: "1.0.0")
    ((statement, parameters),) = (said for said in statements if said[0].startswith("SELECT"))
    plan = explained(filled, statement, parameters)
    assert "ix_executions_owner_request" in plan, plan
    # Of an owner with a batch of thousands, only those that asked for the same are looked at.
    assert re.search(r"owner=\? AND request_digest=\?|Index Cond: .*request_digest", plan), plan
    assert not re.search(r"Seq Scan|SCAN executions|ix_executions_(listed|status)", plan), plan


def explained(store: Installation, statement: str, parameters: Any) -> str:
    engine = store.executions._database._engine
    how = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        return "\n".join(str(row) for row in connection.exec_driver_sql(f"{how} {statement}", parameters))


def test_a_page_leaves_out_what_may_be_large(filled: Installation) -> None:
    with spoken(filled) as statements:
        (row,) = filled.executions.list("default", limit=1)
    (select,) = (statement for statement, _ in statements if statement.startswith("SELECT executions"))
    asked = {name.removeprefix("executions.") for name in re.findall(r"executions\.\w+", select.partition(" FROM ")[0])}
    assert asked == {column.key for column in class_mapper(ExecutionRow).columns} - LARGE
    assert instance_state(row).unloaded == LARGE


def test_a_database_of_before_keeps_its_records_and_gets_the_indexes(store: Installation) -> None:
    database = store.executions._database
    fill(database, [record(number) for number in range(30)])
    before = [row.id for row in store.executions.list("default", limit=100)]
    migrate(store, "downgrade", "0008")
    assert index_names(store) >= {"ix_executions_tenant_created", "ix_executions_status", "ix_executions_owner"}
    again = Installation.from_settings(store.settings)
    assert [row.id for row in again.executions.list("default", limit=100)] == before
    assert {name for name in index_names(store) if not name.startswith(("uq", "sqlite", "executions_"))} == {
        "ix_executions_listed", "ix_executions_listed_status", "ix_executions_listed_skill", "ix_executions_status",
        "ix_executions_owner_request", "ix_executions_claimed",
    }  # fmt: skip


def index_names(store: Installation) -> set[str]:
    return {str(index["name"]) for index in inspect(store.executions._database._engine).get_indexes("executions")}


def migrate(store: Installation, way: str, revision: str) -> None:
    """Brings the tables to another revision."""
    from pathlib import Path

    from alembic import command
    from alembic.config import Config

    from skillbox_core.storage.database import __file__ as home

    config = Config()
    config.set_main_option("script_location", str(Path(home).parent / "migrations"))
    with store.executions._database._engine.begin() as connection:
        config.attributes["connection"] = connection
        getattr(command, way)(config, revision)
