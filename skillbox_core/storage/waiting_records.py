"""The table of waiting containers: made, ended and listed here; `launches` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from skillbox_core.storage.database import Database
from skillbox_core.storage.tables import AskedKindRow, WaitingRow, aware, now

MAKING = timedelta(seconds=120)
"""After which a container that is not ready yet has lost whoever made it."""


class Stage(Enum):
    """How far a container has come, as its row says; the engine may say otherwise."""

    MAKING = auto()
    WAITING = auto()
    ENDED = auto()
    """By its own clock: nobody took it in its time."""
    ABANDONED = auto()
    """Whoever made it is gone."""


def stage_of(row: WaitingRow, moment: datetime) -> Stage:
    """What a row says at a moment. Pure."""
    if moment >= aware(row.ends_at):
        return Stage.ENDED
    if row.ready:
        return Stage.WAITING
    return Stage.MAKING if moment - aware(row.made_at) <= MAKING else Stage.ABANDONED


@dataclass(frozen=True)
class NewWaiting:
    """A container that is about to be made; what is said of it as in `WaitingRow`."""

    instance: str
    engine: str
    name: str
    kind: str
    image: str
    image_id: str
    memory: int
    scratch: int
    cpu_quota: int
    ready_for: str


class WaitingRecords:
    """The `waiting_containers` table. Its rows say which containers may be taken; what became of them the engine says.

    Raises:
        DatabaseError: From each method: the database failed; calling again is safe.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def takes(self) -> bool:
        """Whether this database can hand one out, which takes a statement that deletes and returns a row."""
        with self._database.session() as session:
            return session.get_bind().dialect.delete_returning

    def ask(self, instance: str, engine: str, kind: str, *, within: timedelta) -> bool:
        """Notes that a run has wanted a container of a kind; whether another one has, so short a time before.

        What is older is forgotten with it, on engines that are gone as well: there are as many rows as kinds in use.
        """
        ours = col(AskedKindRow.instance) == instance
        here = ours, col(AskedKindRow.engine) == engine
        moment = now()
        late = col(AskedKindRow.asked_at) < moment - within
        try:
            with self._database.session(make=True) as session:
                again = update(AskedKindRow).where(*here, col(AskedKindRow.kind) == kind, ~late)
                if session.execute(again.values(asked_at=moment)).rowcount:  # type: ignore[attr-defined]
                    return True
                session.execute(delete(AskedKindRow).where(ours, late))
                session.add(AskedKindRow(instance=instance, engine=engine, kind=kind, asked_at=moment))
        except IntegrityError:
            return True  # somebody has asked for it meanwhile
        return False

    def enter(self, new: NewWaiting, *, seconds: float, most: int) -> bool:
        """Notes that a container is about to be made, which nobody can take yet.

        Args:
            seconds: For which it will wait.
            most: How many an installation may have on an engine.

        Returns:
            Whether there is a place for it.
        """
        for _ in range(most):
            taken = {row.place for row in self.listed(new.instance, new.engine)}
            free = next((place for place in range(most) if place not in taken), None)
            if free is None:
                return False
            made = now()
            row = WaitingRow(**asdict(new), place=free, made_at=made, ends_at=made + timedelta(seconds=seconds))
            try:
                with self._database.session(make=True) as session:
                    session.add(row)
            except IntegrityError:
                continue  # somebody has taken the place meanwhile
            return True
        return False

    def ready(self, name: str) -> bool:
        """Notes that a container waits now; False where its row is gone, and nobody can ever take it."""
        with self._database.session() as session:
            done = session.execute(update(WaitingRow).where(col(WaitingRow.name) == name).values(ready=True))
            return bool(done.rowcount)  # type: ignore[attr-defined]

    def give_up(self, name: str) -> bool:
        """Has a container taken by nobody any more; False where somebody has taken it, or given it up, before."""
        with self._database.session() as session:
            done = session.execute(delete(WaitingRow).where(col(WaitingRow.name) == name))
            return bool(done.rowcount)  # type: ignore[attr-defined]

    def listed(self, instance: str, engine: str) -> Sequence[WaitingRow]:
        """All of an installation on an engine, the oldest first."""
        query = (
            select(WaitingRow)
            .where(WaitingRow.instance == instance, WaitingRow.engine == engine)
            .order_by(col(WaitingRow.made_at))
        )
        with self._database.session() as session:
            return session.exec(query).all()
