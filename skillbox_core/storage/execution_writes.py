"""Execution records, written: opened once, taken over by one, closed once; `launches` says what runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace

from sqlalchemy import Select, bindparam, false, true, union_all, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from skillbox_core.errors import KeyUsedError
from skillbox_core.models import Call, Execution, RunResult, Verdict
from skillbox_core.status import Status
from skillbox_core.storage.launches import Launches, held_by
from skillbox_core.storage.tables import ExecutionRow, aware, now


@dataclass(frozen=True)
class NewExecution:
    """What is known when a record is opened.

    Attributes:
        asked: The version or constraint that was asked for.
        call: Which script is called; None for the skill's own entrypoint.
        fresh: Its key was made a moment ago and never tried: no record can have it.
    """

    id: str
    tenant: str
    skill: str
    asked: str
    input: str
    key: str
    request_digest: str
    owner: str | None
    owner_attempt: int
    instance: str
    call: Call | None = None
    fresh: bool = False


_TAKEN_OVER = [Status.RUNNING, Status.SUCCESS]


def _begun() -> Select[tuple[str, bool]]:
    """The execution of a key (`same_key`), else the oldest that may be taken over; its parameters are in `_found`.

    No owner, and a first try, take over nothing: nothing equals NULL.
    """
    theirs = (
        select(ExecutionRow.id)
        .where(
            ExecutionRow.owner == bindparam("owner"),
            # An owner has few records of one request, and a tenant many: this way no planner takes the tenant's index.
            col(ExecutionRow.tenant_id).concat("") == bindparam("tenant"),
            ExecutionRow.request_digest == bindparam("request_digest"),
            col(ExecutionRow.owner_attempt) < bindparam("owner_attempt"),
            col(ExecutionRow.status).in_(_TAKEN_OVER),
        )
        .order_by(col(ExecutionRow.created_at))
        .limit(1)
        .subquery()
    )
    same = select(ExecutionRow.id, true().label("same_key")).where(ExecutionRow.idempotency_key == bindparam("key"))
    # Each part by an index of its own, which no planner makes of an "or" for certain.
    both = union_all(same, select(theirs.c.id, false())).subquery()
    return select(both.c.id, both.c.same_key).order_by(both.c.same_key.desc()).limit(1)


_BEGUN = _begun()
"""Made once: to make a statement takes the processor longer than to carry it out."""


class ExecutionStore(Launches):
    """The `executions` table, for whoever runs skills: what it has for reading, and the only writes to it."""

    def open(self, new: NewExecution, resolve: Callable[[], str]) -> Execution:
        """Opens a record, or finds the one that this key, or an earlier try of this owner, opened before.

        Args:
            resolve: Gives the version to run. Asked for a new record only: one that is found has its own, and
                is found whatever has become of the registry since.

        Raises:
            KeyUsedError: The key belongs to another request.
            DatabaseError: The database failed; calling again is safe.
        """
        return self._found(new) or self._insert(new, resolve())

    def _found(self, new: NewExecution) -> Execution | None:
        """The execution of this key; else one that an earlier try of the same owner made for the same request, claimed.

        Calls that ask for the same are interchangeable, so their order does not matter. A failure is not
        taken over: trying it again is what the later try is for.
        """
        if new.fresh and new.owner is None:
            return None
        asked = {
            "key": new.key,
            "owner": new.owner,
            "tenant": new.tenant,
            "request_digest": new.request_digest,
            "owner_attempt": new.owner_attempt,
        }
        with self._database.session() as session:
            while (begun := session.execute(_BEGUN, asked).first()) is not None:
                if begun.same_key:
                    row = self._by_key(session, new)
                    return self._execution(row) if row is not None else None
                claimed = session.execute(
                    update(ExecutionRow)
                    .where(
                        col(ExecutionRow.id) == begun.id,
                        col(ExecutionRow.owner_attempt) < new.owner_attempt,
                        col(ExecutionRow.status).in_(_TAKEN_OVER),
                    )
                    .values(owner_attempt=new.owner_attempt, idempotency_key=new.key)
                )
                # Somebody else may have been quicker, or it failed just now; there may be another one.
                if claimed.rowcount:  # type: ignore[attr-defined]
                    return self._execution(session.get_one(ExecutionRow, begun.id, populate_existing=True))
            return None

    def _by_key(self, session: Session, new: NewExecution) -> ExecutionRow | None:
        row = session.exec(select(ExecutionRow).where(ExecutionRow.idempotency_key == new.key)).one_or_none()
        if row is not None and row.request_digest != new.request_digest:
            raise KeyUsedError("this idempotency key was used for another request")
        return row

    def _insert(self, new: NewExecution, version: str) -> Execution:
        row = ExecutionRow(
            id=new.id,
            skill_name=new.skill,
            skill_version=version,
            asked_version=new.asked,
            tenant_id=new.tenant,
            status=Status.RUNNING,
            input=new.input,
            call=new.call.model_dump_json() if new.call else None,
            idempotency_key=new.key,
            request_digest=new.request_digest,
            owner=new.owner,
            owner_attempt=new.owner_attempt,
            instance=new.instance,
            created_at=now(),
        )
        try:
            with self._database.session(make=True) as session:
                session.add(row)
                session.flush()
                return self._execution(row)
        except IntegrityError:
            with self._database.session() as session:
                found = self._by_key(session, new)
                if found is None:
                    raise
                return self._execution(found)

    def next_attempt(self, execution: Execution) -> Execution:
        """Counts a new attempt, after the container of the last one was lost; who counted is the same to all."""
        with self._database.session() as session:
            session.execute(
                update(ExecutionRow)
                .where(*held_by(execution))
                .values(attempt=execution.attempt + 1, deadline_at=None, claimed=None)
            )
            current = self._execution(session.get_one(ExecutionRow, execution.id))
        # The key of somebody who took it over is theirs.
        return replace(current, key=execution.key)

    def close(self, execution: Execution, verdict: Verdict) -> RunResult:
        """Closes a record, and returns what it says. A closed record never changes: the first word stands.

        One that another attempt or another try has now stays `running`.
        """
        finished = now()
        duration = finished - aware(execution.created_at)
        with self._database.session() as session:
            closing = (
                update(ExecutionRow)
                .where(*held_by(execution))
                .values(
                    status=verdict.status,
                    reason=verdict.reason,
                    output=verdict.output,
                    logs=verdict.logs,
                    files_key=verdict.artifacts.key,
                    files_list=json.dumps([file.path for file in verdict.artifacts.files]),
                    files_digests=json.dumps([astuple(file) for file in verdict.artifacts.files]),
                    files_spans=json.dumps([astuple(span) for span in verdict.artifacts.spans]),
                    files_size=verdict.artifacts.size,
                    files_sha256=verdict.artifacts.sha256,
                    files_skipped=json.dumps(verdict.skipped),
                    exit_code=verdict.usage.exit_code,
                    peak_memory=verdict.usage.peak_memory,
                    cpu_seconds=verdict.usage.cpu_seconds,
                    memory_limit=verdict.usage.memory_limit,
                    file_memory=verdict.usage.file_memory,
                    duration_ms=max(int(duration.total_seconds() * 1000), 0),
                    error=verdict.error,
                    diagnosis=json.dumps(asdict(verdict.diagnosis)) if verdict.diagnosis else None,
                    finished_at=finished,
                )
            )
            row = None
            if session.get_bind().dialect.update_returning:
                row = session.scalars(closing.returning(ExecutionRow)).one_or_none()
            else:  # SQLite before 3.35
                session.execute(closing)
            row = row or session.get_one(ExecutionRow, execution.id)
        # Only once it is committed: signing an address can fail, and must not undo this.
        return self._result(row)

    def is_taken_over(self, execution: Execution) -> bool:
        """Whether a later try of the same owner runs this very attempt now, in the container that it has."""
        with self._database.session() as session:
            row = session.get_one(ExecutionRow, execution.id)
            running = row.status == Status.RUNNING and row.attempt == execution.attempt
            return running and row.idempotency_key != execution.key
