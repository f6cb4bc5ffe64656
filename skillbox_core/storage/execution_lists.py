"""Execution records, listed: a page at a time, or found by the beginning of an id."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import literal, tuple_
from sqlalchemy.orm import defer
from sqlmodel import col, select

from skillbox_core.base.names import check_execution_id, check_tenant
from skillbox_core.errors import ExecutionNotFoundError
from skillbox_core.status import Status
from skillbox_core.storage.database import Database
from skillbox_core.storage.tables import ExecutionRow, aware

WITHOUT_CONTENTS = tuple(
    defer(column)  # type: ignore[arg-type]
    for column in (ExecutionRow.input, ExecutionRow.call, ExecutionRow.output, ExecutionRow.logs)
)
"""Each may be megabytes, and there may be many records. A row that was read so doesn't have them."""
_LISTED = (
    *WITHOUT_CONTENTS,
    *(defer(column) for column in (ExecutionRow.files_digests, ExecutionRow.files_spans, ExecutionRow.files_skipped)),  # type: ignore[arg-type]
)


class ExecutionLists:
    """Lists of the `executions` table, which need no model of a request or a result, and load none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def database(self) -> Database:
        """Where they are, and what else belongs to them."""
        return self._database

    @property
    def place(self) -> str:
        """Where the records are: the database, without its password."""
        return self._database.description

    def beginning_with(self, tenant: str, prefix: str, limit: int) -> Sequence[str]:
        """Ids of this tenant's records that begin so.

        Args:
            prefix: Hexadecimal digits, lowercase.
        """
        # Between these two the index of the primary key is read; LIKE would read every id.
        first, last = f"{prefix:0<32}", f"{prefix:f<32}"
        query = select(ExecutionRow.id).where(
            ExecutionRow.tenant_id == check_tenant(tenant), col(ExecutionRow.id).between(first, last)
        )
        with self._database.session() as session:
            return session.exec(query.limit(limit)).all()

    def list(
        self,
        tenant: str,
        *,
        status: Status | None = None,
        skill: str | None = None,
        limit: int = 20,
        after: str | None = None,
    ) -> Sequence[ExecutionRow]:
        """A page of a tenant's records, newest first; `get` has what these rows lack: contents, digests, spans.

        Args:
            limit: Rows of a page.
            after: The id of the last row of the page before; None for the first page.

        Raises:
            ExecutionNotFoundError: This tenant has no record `after`.
        """
        query = select(ExecutionRow).where(ExecutionRow.tenant_id == check_tenant(tenant))
        if status:
            query = query.where(ExecutionRow.status == status)
        if skill:
            query = query.where(ExecutionRow.skill_name == skill)
        place = tuple_(col(ExecutionRow.created_at), col(ExecutionRow.id))
        query = query.order_by(*(column.desc() for column in place)).limit(limit)
        with self._database.session() as session:
            if after is not None:
                created = session.exec(
                    select(ExecutionRow.created_at).where(
                        ExecutionRow.id == check_execution_id(after), ExecutionRow.tenant_id == tenant
                    )
                ).first()
                if created is None:
                    raise self._not_found(after)
                # Records of one moment are told apart by their ids.
                query = query.where(place < tuple_(literal(aware(created)), literal(after)))
            return session.exec(query.options(*_LISTED)).all()

    def _not_found(self, execution_id: str) -> ExecutionNotFoundError:
        return ExecutionNotFoundError(
            f"there is no execution {execution_id} in {self.place}", hint="`skillbox exec list` shows them"
        )


def reason_of(row: ExecutionRow) -> str:
    """Why an execution failed, or what its success is to be warned of, in a few words; empty where there is nothing."""
    summary = str(json.loads(row.diagnosis)["summary"]) if row.diagnosis else row.error or ""
    return summary if row.error or not summary else f"warning: {summary}"
