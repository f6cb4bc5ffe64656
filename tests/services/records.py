"""Records of executions that nobody ran, as many as a test needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import insert, text

from skillbox_core.storage.database import Database
from skillbox_core.storage.tables import ExecutionRow

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_AT_ONCE = 2000


def record(number: int, tenant: str = "default", **said: Any) -> dict[str, Any]:
    """One closed record. Ids are spread as random ones are; of three in turn two have the same moment."""
    return {
        "id": f"{number * 2654435761 % 2**32:08x}{number:024x}",
        "skill_name": f"skill-{number % 10}",
        "skill_version": "1.0.0",
        "asked_version": "latest",
        "tenant_id": tenant,
        "status": "failed" if number % 5 == 0 else "success",
        "attempt": 1,
        "input": "{}",
        "output": "{}",
        "logs": "",
        "files_key": "",
        "files_list": "[]",
        "files_skipped": "{}",
        "duration_ms": 1,
        "idempotency_key": f"{tenant}/{number}",
        "request_digest": "0" * 64,
        "owner_attempt": 0,
        "instance": "default",
        "created_at": FIRST + timedelta(seconds=number - (number % 3 == 1)),
        "finished_at": FIRST + timedelta(seconds=number + 1),
        **said,
    }


def fill(database: Database, records: Iterable[dict[str, Any]]) -> None:
    """Adds records, and lets the database look at what it has then."""
    with database.session(make=True) as session:
        for part in _parts(iter(records)):
            session.execute(insert(ExecutionRow), part)
    with database.session() as session:
        session.execute(text("ANALYZE"))


def _parts(records: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while part := list(islice(records, _AT_ONCE)):
        yield part
