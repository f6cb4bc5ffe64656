"""Waiting containers: one is taken for a run, and another one made after it.

Whatever is wrong with them, a run has a container made for it as if there were none: never a failure, never a wait.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from skillbox_core.errors import EngineError, PolicyError, SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, Sandbox
from skillbox_core.sandbox.engine_errors import ContainerGoneError
from skillbox_core.sandbox.waiting import PREFIX, Kind, check_waiting, make_waiting, places
from skillbox_core.storage.launches import Launch, Waiting
from skillbox_core.storage.tables import WaitingRow, aware, now
from skillbox_core.storage.waiting_records import NewWaiting, Stage, stage_of

logger = logging.getLogger(__name__)

TRIES = 3
"""Of waiting containers for one run; where an engine was restarted, all of them are gone."""
MARGIN = timedelta(seconds=30)
"""Before its end a container is no longer taken: its job has to arrive while it waits."""
SETTLED = timedelta(seconds=30)
"""For which a container of one kind is left alone before it may give way to one of another kind."""


def claim(
    installation: Installation,
    execution: Execution,
    launch: Launch,
    kind: Kind,
    *,
    instead_of: str | None,
    on_claim: Callable[[str], None],
) -> Sandbox | None:
    """Takes a waiting container for an attempt, and notes the launch in the same transaction.

    Args:
        instead_of: A waiting container that the attempt had taken before, and that was never handed a job.
        on_claim: Told the name of each that was taken, before anything is done with it.

    Returns:
        The container, with nothing in it yet; None where none is to be had.

    Raises:
        EngineError, DatabaseError: The engine or the database failed; calling again is safe.
    """
    settings = installation.settings
    waiting = Waiting(settings.instance, installation.engine.name, kind.digest, now() + MARGIN)
    for _ in range(TRIES):
        name = installation.executions.claim(execution, launch, waiting, instead_of=instead_of)
        if name is None:
            return None
        on_claim(name)
        try:
            return check_waiting(
                installation.engine, name, kind, users=settings.sandbox_users, instance=settings.instance
            )
        except ContainerGoneError:
            logger.info("the waiting container %s is gone", name)
        except PolicyError as error:
            logger.warning("the waiting container %s is not used: %s", name, error)
            installation.engine.remove(name)
        instead_of = name
    return None


def follow_up(installation: Installation, kind: Kind) -> None:
    """Makes the next waiting container after a run, if it is likely to be taken; what fails is logged.

    A kind is made ahead from its second run within the time that one would wait: a skill that runs once a day would
    leave a container that nobody takes. Where the installation asks for some of each kind, it is from the first on.
    """
    settings = installation.settings
    try:
        if not installation.waiting.takes:
            return
        asked = installation.waiting.ask(
            settings.instance,
            installation.engine.name,
            kind.digest,
            within=timedelta(seconds=kind.waits),
        )
    except SkillboxError as error:
        logger.warning("no container was made ahead: %s", error)
        return
    if asked or settings.pool_min:
        refill(installation, kind)


def refill(installation: Installation, kind: Kind) -> None:
    """Makes the next waiting container of a kind that is asked for; what fails is logged.

    As many as are asked for at once come to wait: each run makes one. Those that nobody asks for end by themselves.
    """
    try:
        engine, instance = installation.engine.name, installation.settings.instance
        rows = installation.waiting.listed(instance, engine)
        for row in over(rows, now()):
            installation.give_up_waiting(row.name)
        rows = installation.waiting.listed(instance, engine)
        there = sum(row.kind == kind.digest for row in rows)
        for _ in range(max(1, installation.settings.pool_min - there)):
            if not _make(installation, kind):
                return
    except SkillboxError as error:
        logger.warning("no container was made ahead: %s", error)


def _make(installation: Installation, kind: Kind) -> bool:
    settings, engine = installation.settings, installation.engine
    name = f"{PREFIX}{uuid.uuid4().hex}"
    most = places(settings.pool_places, kind.ceiling, int(engine.info().get("MemTotal") or 0))
    new = NewWaiting(
        instance=settings.instance,
        engine=engine.name,
        name=name,
        kind=kind.digest,
        image=kind.image,
        image_id=kind.image_id,
        memory=kind.memory,
        scratch=kind.scratch,
        cpu_quota=kind.cpu_quota,
        ready_for=kind.ready_for,
    )
    entered = installation.waiting.enter(new, seconds=kind.waits, most=most)
    if not entered:
        # Only of those whose place this one may have: where it is larger than others, it has fewer.
        rows = [row for row in installation.waiting.listed(settings.instance, engine.name) if row.place < most]
        if victim := giving_way(rows, kind, now()):
            installation.give_up_waiting(victim)
            entered = installation.waiting.enter(new, seconds=kind.waits, most=most)
    if not entered:
        return False
    try:
        make_waiting(engine, name, kind, users=settings.sandbox_users, instance=settings.instance)
        if not installation.waiting.ready(name):
            raise EngineError(f"the waiting container {name} was given up while it was made")
    except BaseException:
        installation.give_up_waiting(name)
        raise
    return True


def over(rows: Sequence[WaitingRow], moment: datetime) -> list[WaitingRow]:
    """Those that have ended by themselves, or lost whoever made them. Pure."""
    return [row for row in rows if stage_of(row, moment) in (Stage.ENDED, Stage.ABANDONED)]


def giving_way(rows: Sequence[WaitingRow], kind: Kind, moment: datetime) -> str | None:
    """The name of the container of another kind that waits for longest, and not only since a moment ago. Pure."""
    others = [row for row in rows if row.ready and row.kind != kind.digest and moment - aware(row.made_at) > SETTLED]
    return min(others, key=lambda row: row.made_at).name if others else None
