"""Execution records: opened once, closed once, readable whatever a skill printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer
from sqlmodel import col, select

from skillbox_core.errors import ExecutionNotFoundError, InvalidRequestError
from skillbox_core.models import Artifacts, Execution, FileDigest, RunResult, Usage, Verdict
from skillbox_core.names import check_execution_id, check_tenant
from skillbox_core.status import Reason, Status
from skillbox_core.storage.database import Database
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.tables import ExecutionRow, aware, now

_WITHOUT_INPUT = (defer(ExecutionRow.input),)  # type: ignore[arg-type]
"""An input may be megabytes, and there may be many records."""


@dataclass(frozen=True)
class NewExecution:
    """What is known when a record is opened.

    Attributes:
        asked: The version or constraint that was asked for.
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


class ExecutionStore:
    """The `executions` table.

    Args:
        files: The bucket that signs addresses of artifacts when a record is read.
    """

    def __init__(self, database: Database, files: Bucket) -> None:
        self._database = database
        self._files = files

    @property
    def place(self) -> str:
        """Where the records are: the database, without its password."""
        return self._database.description

    def open(self, new: NewExecution, resolve: Callable[[], str]) -> Execution:
        """Opens a record, or finds the one that this key, or an earlier try of this owner, opened before.

        Args:
            resolve: Gives the version to run. Asked for a new record only: one that is found has its own, and
                is found whatever has become of the registry since.

        Raises:
            InvalidRequestError: The key belongs to another request.
            DatabaseError: The database failed; calling again is safe.
        """
        return self._by_key(new) or self._take_over(new) or self._insert(new, resolve())

    def _by_key(self, new: NewExecution) -> Execution | None:
        with self._database.session() as session:
            row = session.exec(select(ExecutionRow).where(ExecutionRow.idempotency_key == new.key)).one_or_none()
            if row is not None and row.request_digest != new.request_digest:
                raise InvalidRequestError("this idempotency key was used for another request")
            return self._execution(row) if row is not None else None

    def _take_over(self, new: NewExecution) -> Execution | None:
        """Claims one execution that an earlier try of the same owner made for the same request.

        Calls that ask for the same are interchangeable, so their order does not matter. A failure is not
        taken over: trying it again is what the later try is for.
        """
        if new.owner is None or new.owner_attempt == 0:
            return None
        theirs = (
            select(ExecutionRow.id)
            .where(
                ExecutionRow.owner == new.owner,
                ExecutionRow.tenant_id == new.tenant,
                ExecutionRow.request_digest == new.request_digest,
                col(ExecutionRow.owner_attempt) < new.owner_attempt,
                col(ExecutionRow.status).in_([Status.RUNNING, Status.SUCCESS]),
            )
            .order_by(col(ExecutionRow.created_at))
            .limit(1)
        )
        while True:
            with self._database.session() as session:
                found = session.exec(theirs).first()
                if found is None:
                    return None
                claimed = session.execute(
                    update(ExecutionRow)
                    .where(
                        col(ExecutionRow.id) == found,
                        col(ExecutionRow.owner_attempt) < new.owner_attempt,
                        col(ExecutionRow.status).in_([Status.RUNNING, Status.SUCCESS]),
                    )
                    .values(owner_attempt=new.owner_attempt, idempotency_key=new.key)
                )
                # Somebody else may have been quicker, or it failed just now; there may be another one.
                if claimed.rowcount:  # type: ignore[attr-defined]
                    return self._execution(session.get_one(ExecutionRow, found, populate_existing=True))

    def _insert(self, new: NewExecution, version: str) -> Execution:
        row = ExecutionRow(
            id=new.id,
            skill_name=new.skill,
            skill_version=version,
            asked_version=new.asked,
            tenant_id=new.tenant,
            status=Status.RUNNING,
            input=new.input,
            idempotency_key=new.key,
            request_digest=new.request_digest,
            owner=new.owner,
            owner_attempt=new.owner_attempt,
            instance=new.instance,
            created_at=now(),
        )
        try:
            with self._database.session() as session:
                session.add(row)
                session.flush()
                return self._execution(row)
        except IntegrityError:
            found = self._by_key(new)
            if found is None:
                raise
            return found

    def note_launch(
        self,
        execution: Execution,
        *,
        digest: str,
        image: str,
        image_id: str,
        deadline: float,
        files: Sequence[FileDigest] = (),
    ) -> bool:
        """Writes down what is about to run, for whoever must find it after a crash.

        Returns:
            Whether it may run: False when the record was closed, or taken over, while this attempt waited.
        """
        with self._database.session() as session:
            noted = session.execute(
                update(ExecutionRow)
                .where(*_held_by(execution))
                .values(
                    skill_digest=digest,
                    image=image,
                    image_id=image_id,
                    deadline_at=datetime.fromtimestamp(deadline, UTC),
                    input_files=json.dumps([astuple(file) for file in files]),
                )
            )
            return bool(noted.rowcount)  # type: ignore[attr-defined]

    def next_attempt(self, execution: Execution) -> Execution:
        """Counts a new attempt, after the container of the last one was lost; who counted is the same to all."""
        with self._database.session() as session:
            session.execute(
                update(ExecutionRow).where(*_held_by(execution)).values(attempt=execution.attempt + 1, deadline_at=None)
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
            session.execute(
                update(ExecutionRow)
                .where(*_held_by(execution))
                .values(
                    status=verdict.status,
                    reason=verdict.reason,
                    output=verdict.output,
                    logs=verdict.logs,
                    files_key=verdict.artifacts.key,
                    files_list=json.dumps([file.path for file in verdict.artifacts.files]),
                    files_digests=json.dumps([astuple(file) for file in verdict.artifacts.files]),
                    files_size=verdict.artifacts.size,
                    files_sha256=verdict.artifacts.sha256,
                    files_skipped=json.dumps(verdict.skipped),
                    exit_code=verdict.usage.exit_code,
                    peak_memory=verdict.usage.peak_memory,
                    cpu_seconds=verdict.usage.cpu_seconds,
                    duration_ms=max(int(duration.total_seconds() * 1000), 0),
                    error=verdict.error,
                    finished_at=finished,
                )
            )
            row = session.get_one(ExecutionRow, execution.id)
        # Only once it is committed: signing an address can fail, and must not undo this.
        return self._result(row)

    def is_taken_over(self, execution: Execution) -> bool:
        """Whether a later try of the same owner runs this very attempt now, in the container that it has."""
        with self._database.session() as session:
            row = session.get_one(ExecutionRow, execution.id)
            running = row.status == Status.RUNNING and row.attempt == execution.attempt
            return running and row.idempotency_key != execution.key

    def get(self, tenant: str, execution_id: str) -> ExecutionRow:
        """A record of this tenant.

        Raises:
            ExecutionNotFoundError: There is none, or it is another tenant's.
        """
        check_tenant(tenant)
        with self._database.session() as session:
            row = session.get(ExecutionRow, check_execution_id(execution_id))
            if row is None or row.tenant_id != tenant:
                raise ExecutionNotFoundError(
                    f"there is no execution {execution_id}", hint="`skillbox exec list` shows them"
                )
            return row

    def beginning_with(self, tenant: str, prefix: str, limit: int) -> Sequence[str]:
        """Ids of this tenant's records that begin so.

        Args:
            prefix: Hexadecimal digits, lowercase.
        """
        query = select(ExecutionRow.id).where(
            ExecutionRow.tenant_id == check_tenant(tenant), col(ExecutionRow.id).startswith(prefix, autoescape=True)
        )
        with self._database.session() as session:
            return session.exec(query.limit(limit)).all()

    def result(self, tenant: str, execution_id: str) -> RunResult:
        """What a record says, as a result with a freshly signed address."""
        return self._result(self.get(tenant, execution_id))

    def artifacts(self, tenant: str, execution_id: str) -> Artifacts:
        """The files of a finished execution, for another one to be given.

        Raises:
            ExecutionNotFoundError: It is not one of this tenant's.
            InvalidRequestError: It is still running, or its files can't be checked.
        """
        row = self.get(tenant, execution_id)
        if row.status == Status.RUNNING:
            raise InvalidRequestError(f"execution {execution_id} is still running, so it has no files yet")
        if row.files_key and not row.files_sha256:
            raise InvalidRequestError(
                f"the files of execution {execution_id} were stored without digests", hint="run it again"
            )
        return _artifacts(row)

    def list(
        self, tenant: str, *, status: Status | None = None, skill: str | None = None, limit: int = 20
    ) -> Sequence[ExecutionRow]:
        """The newest records of a tenant."""
        query = select(ExecutionRow).where(ExecutionRow.tenant_id == check_tenant(tenant))
        if status:
            query = query.where(ExecutionRow.status == status)
        if skill:
            query = query.where(ExecutionRow.skill_name == skill)
        with self._database.session() as session:
            return session.exec(query.order_by(col(ExecutionRow.created_at).desc()).limit(limit)).all()

    def find(self, execution_ids: Sequence[str]) -> dict[str, ExecutionRow]:
        """Records by id, of any tenant and without their inputs; for the reconciler."""
        query = select(ExecutionRow).where(col(ExecutionRow.id).in_(execution_ids)).options(*_WITHOUT_INPUT)
        with self._database.session() as session:
            rows = session.exec(query).all()
        return {row.id: row for row in rows}

    def running(self, instance: str, owner: str | None = None) -> Sequence[ExecutionRow]:
        """Open records of an installation, all or one owner's, without their inputs; for the reconciler."""
        query = select(ExecutionRow).where(ExecutionRow.status == Status.RUNNING, ExecutionRow.instance == instance)
        if owner is not None:
            query = query.where(ExecutionRow.owner == owner)
        query = query.options(*_WITHOUT_INPUT)
        with self._database.session() as session:
            return session.exec(query).all()

    def _execution(self, row: ExecutionRow) -> Execution:
        finished = row.status != Status.RUNNING
        return Execution(
            id=row.id,
            tenant=row.tenant_id,
            skill=row.skill_name,
            version=row.skill_version,
            attempt=row.attempt,
            created_at=aware(row.created_at),
            key=row.idempotency_key,
            launched=row.deadline_at is not None,
            result=self._result(row) if finished else None,
        )

    def _result(self, row: ExecutionRow) -> RunResult:
        return RunResult(
            execution_id=row.id,
            status=Status(row.status),
            output=json.loads(row.output) if row.output is not None else None,
            files_url=self._files.url(row.files_key) if row.files_key else "",
            files_list=tuple(json.loads(row.files_list)),
            logs=row.logs,
            duration_ms=row.duration_ms,
            error=row.error,
            reason=Reason(row.reason) if row.reason else None,
            usage=Usage(row.exit_code, row.peak_memory, row.cpu_seconds),
            artifacts=_artifacts(row),
            skill=row.skill_name,
            version=row.skill_version,
            tenant=row.tenant_id,
        )


def _held_by(execution: Execution) -> tuple[ColumnElement[bool], ...]:
    """The fence before every write: the record is open, and nobody has begun a new attempt or taken it over since."""
    return (
        col(ExecutionRow.id) == execution.id,
        col(ExecutionRow.status) == Status.RUNNING,
        col(ExecutionRow.attempt) == execution.attempt,
        col(ExecutionRow.idempotency_key) == execution.key,
    )


def _artifacts(row: ExecutionRow) -> Artifacts:
    files = tuple(FileDigest(*file) for file in json.loads(row.files_digests))
    return Artifacts(row.files_key, files, row.files_size, row.files_sha256)
