"""What waits for a job on the engine: listed, and given up.

Rows say what may be taken, the engine says what there is; each may have lost the other. Whatever is found here, no run
depends on it: one that gets no waiting container has one made for it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from skillbox_core.base.quantities import CPU_PERIOD_US, parse_memory_limit
from skillbox_core.errors import InvalidRequestError, SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.operations.orphan_rules import name_of
from skillbox_core.sandbox.container import LABEL_INSTANCE, LABEL_WAITING
from skillbox_core.sandbox.policy import MANAGED_BY, memory_ceiling
from skillbox_core.sandbox.waiting import places
from skillbox_core.storage.tables import WaitingRow, aware, now
from skillbox_core.storage.waiting_records import Stage, stage_of

logger = logging.getLogger(__name__)

SHORTEST = 8
"""How many digits of an image's id tell it."""
_DIGITS = frozenset("0123456789abcdef")


class State(StrEnum):
    """What a place of the pool holds."""

    MAKING = "being made"
    WAITING = "waiting"
    ENDED = "ended"
    """Nobody took it in its time."""
    LOST = "lost"
    """Nobody can take it, or whoever takes it finds nothing."""


@dataclass(frozen=True)
class Entry:
    """A waiting container, or what is left of one.

    Attributes:
        why: Why it is `ended` or `lost`; empty for the others.
        place: Its number among the installation's places on the engine; None where no row knows it.
        kind: Digest of all that it was made with; only jobs that want exactly this take it.
        image: Name of its image, empty where only the engine knows it; its id is `image_id`.
        ready_for: What waits in it: an interpreter with its script and modules, or a shell; empty where only the engine
            knows it.
        memory, scratch: Bytes; None where only the engine knows it, as `cpu_quota`, in microseconds for each 100 ms.
    """

    name: str
    state: State
    why: str
    place: int | None
    kind: str
    image: str
    image_id: str
    ready_for: str
    memory: int | None
    scratch: int | None
    cpu_quota: int | None
    made_at: datetime
    ends_at: datetime | None

    @property
    def cpu(self) -> str:
        """Cores, as they are asked for; empty where they are unknown."""
        return "" if self.cpu_quota is None else f"{self.cpu_quota / CPU_PERIOD_US:g}"

    @property
    def image_name(self) -> str:
        """Its image for people; the first digits of an id where no name is known."""
        return self.image or self.image_id.removeprefix("sha256:")[:12]

    def of_image(self, asked: str, aliases: Mapping[str, str]) -> bool:
        """Whether it was made from this image: by its name, before or after aliases, or by its id."""
        if asked.startswith("sha256:"):
            return self.image_id.startswith(asked)
        return bool(self.image) and self.image in (asked, aliases.get(asked))

    def document(self) -> dict[str, Any]:
        """What it says, as JSON values."""
        return {
            "place": self.place,
            "name": self.name,
            "state": self.state.value,
            "why": self.why or None,
            "kind": self.kind,
            "image": self.image or None,
            "image_id": self.image_id,
            "ready_for": self.ready_for or None,
            "memory": self.memory,
            "scratch": self.scratch,
            "cpu": self.cpu or None,
            "made_at": self.made_at.isoformat(timespec="seconds"),
            "ends_at": self.ends_at.isoformat(timespec="seconds") if self.ends_at else None,
        }


@dataclass(frozen=True)
class Pool:
    """The waiting containers of an installation on its engine.

    Attributes:
        engine: Its name.
        most: What `SKILLBOX_POOL_MAX` says, or its default; 0 where no run asks for one.
        places: How many of the usual size may wait: fewer than `most` where they would take too much of the engine's
            memory.
        entries: Those with a place in its order, then those that no row knows.
        chosen: Somebody has set `SKILLBOX_POOL_MAX`.
    """

    engine: str
    most: int
    places: int
    entries: tuple[Entry, ...]
    chosen: bool = True

    @property
    def bound(self) -> str:
        """What bounds the number of places."""
        if self.places < self.most:
            return "the engine's memory"
        return "SKILLBOX_POOL_MAX" if self.chosen else "the default of SKILLBOX_POOL_MAX"

    def of(self, state: State) -> tuple[Entry, ...]:
        """Those in this state."""
        return tuple(entry for entry in self.entries if entry.state is state)

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "engine": self.engine,
            "places": self.places,
            "max": self.most,
            "bound": self.bound,
            "containers": [entry.document() for entry in self.entries],
        }


@dataclass(frozen=True)
class Drained:
    """What became of the containers that were to be given up.

    Attributes:
        removed: Names.
        taken: Names of those that a run has taken meanwhile; they are its own now.
        failed: Names of those that nobody can take any more, and that the engine failed to remove; and why.
        others: How many there are of each other image than the one that was asked for.
    """

    removed: tuple[str, ...]
    taken: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    others: Mapping[str, int] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "removed": list(self.removed),
            "taken": list(self.taken),
            "failed": [{"name": name, "error": error} for name, error in self.failed],
            "others": dict(self.others),
        }


def look(installation: Installation) -> Pool:
    """What waits on this installation's engine.

    Raises:
        EngineError, DatabaseError: The engine or the database can't be asked.
    """
    settings, engine = installation.settings, installation.engine
    rows = _rows(installation)
    labels = {"managed-by": MANAGED_BY, LABEL_INSTANCE: settings.instance}
    containers = {name_of(c): c for c in engine.containers(labels) if LABEL_WAITING in c["Labels"]}
    # Twice: a row that came after the first look, with its container, or was taken before the second is no finding.
    still = _rows(installation)
    unknown = [name for name in containers if name not in still]
    taken = installation.executions.claimers(unknown) if unknown else {}
    moment = now()
    found = [entry_of(row, containers.get(name), moment) for name, row in rows.items() if name in still]
    found += [entry_without_row(name, containers[name]) for name in unknown if name not in taken]
    ceiling = memory_ceiling(
        parse_memory_limit(settings.default_memory, "SKILLBOX_DEFAULT_MEMORY"),
        parse_memory_limit(settings.default_scratch, "SKILLBOX_DEFAULT_SCRATCH"),
    )
    most = places(settings.pool_places, ceiling, int(engine.info().get("MemTotal") or 0))
    found.sort(key=lambda entry: (entry.place is None, entry.place, entry.made_at))
    return Pool(engine.name, settings.pool_places, most, tuple(found), chosen=settings.pool_max is not None)


def entry_of(row: WaitingRow, container: Mapping[str, Any] | None, moment: datetime) -> Entry:
    """A place of the pool, by its row and what the engine has of it. Pure."""
    state, why = _judged(row, container, moment)
    return Entry(
        name=row.name,
        state=state,
        why=why,
        place=row.place,
        kind=row.kind,
        image=row.image,
        image_id=row.image_id,
        ready_for=row.ready_for,
        memory=row.memory,
        scratch=row.scratch,
        cpu_quota=row.cpu_quota,
        made_at=aware(row.made_at),
        ends_at=aware(row.ends_at),
    )


def _judged(row: WaitingRow, container: Mapping[str, Any] | None, moment: datetime) -> tuple[State, str]:
    match stage_of(row, moment):
        case Stage.ENDED:
            return State.ENDED, "its time is over"
        case Stage.MAKING:
            return State.MAKING, ""
        case Stage.ABANDONED:
            return State.LOST, "it was never ready: whoever made it is gone"
    if container is None:
        return State.LOST, "its container is gone"
    if (state := str(container.get("State"))) != "running":
        return State.LOST, f"its container is {state}"
    return State.WAITING, ""


def entry_without_row(name: str, container: Mapping[str, Any]) -> Entry:
    """A container that waits, and that nobody can take: it has lost its row. Pure."""
    return Entry(
        name=name,
        state=State.LOST,
        why="no record knows it",
        place=None,
        kind=str(container["Labels"][LABEL_WAITING]),
        image="",
        image_id=str(container.get("ImageID") or ""),
        ready_for="",
        memory=None,
        scratch=None,
        cpu_quota=None,
        made_at=datetime.fromtimestamp(float(container.get("Created") or 0), UTC),
        ends_at=None,
    )


def drain(installation: Installation, image: str | None = None) -> Drained:
    """Has nobody take what waits, and removes it. What a run has taken meanwhile is left to that run.

    Args:
        image: Only those made from it: a name, before or after aliases, or an id or the first digits of one.

    Raises:
        InvalidRequestError: No image is meant by this.
        EngineError, DatabaseError: The engine or the database can't be asked; nothing was touched.
    """
    if image is not None:
        check_image(image)
    aliases = installation.settings.image_aliases
    others: Counter[str] = Counter()
    removed: list[str] = []
    taken: list[str] = []
    failed: list[tuple[str, str]] = []
    for entry in look(installation).entries:
        if image is not None and not entry.of_image(image, aliases):
            others[entry.image_name] += 1
            continue
        try:
            (removed if installation.give_up_waiting(entry.name) else taken).append(entry.name)
        except SkillboxError as error:
            logger.warning("could not give up %s: %s", entry.name, error)
            failed.append((entry.name, str(error)))
    return Drained(tuple(removed), tuple(taken), tuple(failed), others)


def check_image(asked: str) -> None:
    """Refuses what can't be an image's name or id.

    Raises:
        InvalidRequestError: With what would be one.
    """
    digits = asked.removeprefix("sha256:")
    if asked and (digits == asked or (len(digits) >= SHORTEST and not set(digits) - _DIGITS)):
        return
    if digits == asked or set(digits) - _DIGITS:
        raise InvalidRequestError(
            f'no image is meant by "{asked}"',
            hint=f"a name as `skillbox pool list` shows it, or sha256: and {SHORTEST} or more digits of an id",
        )
    raise InvalidRequestError(f'"{asked}" is too short to tell an image: {SHORTEST} or more digits of its id')


def _rows(installation: Installation) -> Mapping[str, WaitingRow]:
    rows: Sequence[WaitingRow] = installation.waiting.listed(installation.settings.instance, installation.engine.name)
    return {row.name: row for row in rows}
