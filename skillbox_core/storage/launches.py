"""What an attempt of an execution runs in, written down before it can run: so whoever comes after a crash finds it."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, update
from sqlmodel import Session, col, select

from skillbox_core.models import Call, Execution, FileDigest
from skillbox_core.status import Status
from skillbox_core.storage.execution_reads import ExecutionRecords
from skillbox_core.storage.tables import ExecutionRow, WaitingRow, aware


@dataclass(frozen=True)
class Launch:
    """What is about to run.

    Attributes:
        digest: Of the skill's archive.
        image: As it is named; `image_id` is the engine's own.
        deadline: Seconds since the epoch.
        files: What it is given.
        call: As it is carried out, which a request by an entrypoint's name does not say.
    """

    digest: str
    image: str
    image_id: str
    deadline: float
    files: tuple[FileDigest, ...] = ()
    call: Call | None = None

    def _columns(self) -> dict[str, Any]:
        return {
            "skill_digest": self.digest,
            "image": self.image,
            "image_id": self.image_id,
            "deadline_at": datetime.fromtimestamp(self.deadline, UTC),
            "input_files": json.dumps([astuple(file) for file in self.files]),
            "call": self.call.model_dump_json() if self.call else None,
        }


@dataclass(frozen=True)
class Waiting:
    """Which waiting containers a job may have.

    Attributes:
        engine: The engine's name.
        kind: What they are good for; see `skillbox_core.sandbox.waiting.Kind`.
        until: They wait longer than this.
    """

    instance: str
    engine: str
    kind: str
    until: datetime


class _NotHeldError(Exception):
    """Undoes a transaction whose fence did not hold."""


class Launches(ExecutionRecords):
    """The `executions` table, and of `waiting_containers` what a launch takes: both in one transaction."""

    def note_launch(self, execution: Execution, launch: Launch, *, instead_of: str | None = None) -> bool:
        """Writes down that an attempt has a container of its own.

        Args:
            instead_of: A waiting container that it had taken, and that is gone without having been given anything.

        Returns:
            Whether it may run: False when the record was closed or taken over, or another worker's call has taken a
            waiting container for this attempt.
        """
        free = or_(col(ExecutionRow.claimed).is_(None), col(ExecutionRow.claimed) == instead_of)
        with self._database.session() as session:
            return _note(session, execution, free, claimed=None, **launch._columns())

    def claim(
        self, execution: Execution, launch: Launch, waiting: Waiting, *, instead_of: str | None = None
    ) -> str | None:
        """Takes a waiting container for an attempt that has none, and writes that down, or neither.

        One statement takes it, past those that others are about to take; of two at once each gets another one.

        Args:
            instead_of: As in `note_launch`.

        Returns:
            Its name; None where none waits, or the attempt is not to have one. Not told apart: it is made one, and
            `note_launch` says whether that may run.
        """
        unlaunched: ColumnElement[bool] = col(ExecutionRow.deadline_at).is_(None)
        if instead_of is not None:
            unlaunched = or_(unlaunched, col(ExecutionRow.claimed) == instead_of)
        try:
            with self._database.session() as session:
                name = _take(session, waiting)
                if name is None:
                    return None
                if not _note(session, execution, unlaunched, claimed=name, **launch._columns()):
                    raise _NotHeldError
                return name
        except _NotHeldError:
            return None

    def claimed_by(self, execution: Execution) -> str | None:
        """The waiting container that this very attempt has by now, if the caller still holds the record."""
        with self._database.session() as session:
            return session.scalars(select(ExecutionRow.claimed).where(*held_by(execution))).one_or_none()

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
            claimed=row.claimed,
            result=self._result(row) if finished else None,
        )


def held_by(execution: Execution) -> tuple[ColumnElement[bool], ...]:
    """The fence before every write: the record is open, and nobody has begun a new attempt or taken it over since."""
    return (
        col(ExecutionRow.id) == execution.id,
        col(ExecutionRow.status) == Status.RUNNING,
        col(ExecutionRow.attempt) == execution.attempt,
        col(ExecutionRow.idempotency_key) == execution.key,
    )


def _note(session: Session, execution: Execution, fence: ColumnElement[bool], **columns: Any) -> bool:
    noted = session.execute(update(ExecutionRow).where(*held_by(execution), fence).values(**columns))
    return bool(noted.rowcount)  # type: ignore[attr-defined]


def _take(session: Session, waiting: Waiting) -> str | None:
    if not session.get_bind().dialect.delete_returning:  # SQLite before 3.35
        return None
    # The youngest, so that those that too few are left for end.
    youngest = (
        select(WaitingRow.name)
        .where(
            WaitingRow.instance == waiting.instance,
            WaitingRow.engine == waiting.engine,
            WaitingRow.kind == waiting.kind,
            col(WaitingRow.ready).is_(True),
            col(WaitingRow.ends_at) > waiting.until,
        )
        .order_by(col(WaitingRow.made_at).desc())
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    taking = (
        delete(WaitingRow).where(col(WaitingRow.name) == youngest.scalar_subquery()).returning(col(WaitingRow.name))
    )
    return session.scalars(taking).one_or_none()
