"""Waiting containers: one is taken for a run, and another one made after it.

Whatever is wrong with them, a run has a container made for it as if there were none: never a failure, never a wait.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from skillbox_core.base.quantities import parse_duration
from skillbox_core.errors import EngineError, PolicyError, SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, LoadedSkill, Sandbox
from skillbox_core.sandbox.engine_errors import ContainerGoneError
from skillbox_core.sandbox.waiting import MAKING, PREFIX, Kind, check_waiting, make_waiting, places
from skillbox_core.sandbox.warming import LANGS, is_told_late, modules_of, warm_start
from skillbox_core.skills.archive import VENDOR, SkillArchive
from skillbox_core.storage.launches import Launch, Waiting
from skillbox_core.storage.tables import WaitingRow, aware, now
from skillbox_core.storage.waiting_records import NewWaiting

logger = logging.getLogger(__name__)

TRIES = 3
"""Of waiting containers for one run; where an engine was restarted, all of them are gone."""
MARGIN = timedelta(seconds=30)
"""Before its end a container is no longer taken: its job has to arrive while it waits."""
SETTLED = timedelta(seconds=30)
"""For which a container of one kind is left alone before it may give way to one of another kind."""
MAX_SOURCE = 1024 * 1024
"""Bytes of a script that is looked through for what it imports."""


def kind_of(
    installation: Installation, archive: SkillArchive, skill: LoadedSkill, image_id: str, env: Mapping[str, str]
) -> Kind:
    """The waiting containers in which this skill can run.

    Args:
        env: What the caller sets: an interpreter that has imported its packages can't be told of it any more.
    """
    settings = installation.settings
    return Kind(
        image_id=image_id,
        memory=skill.memory,
        scratch=skill.scratch,
        cpu_quota=skill.cpu_quota,
        runtime=settings.runtime,
        waits=int(parse_duration(settings.pool_idle)),
        warm="" if is_told_late(env) else _warm_start(archive, skill),
        image=skill.image,
    )


def _warm_start(archive: SkillArchive, skill: LoadedSkill) -> str:
    """The command of an interpreter that waits for this skill; empty where none can, or is to."""
    asked = archive.manifest.warm
    if skill.lang not in LANGS or asked == ():
        return ""
    # What a skill brings along lies nearer to its script than an environment, and can't be told apart by then.
    if skill.lang == "node" and any("node_modules" in PurePosixPath(file.path).parts for file in archive.files):
        return ""
    if asked is None:
        script = next(file for file in archive.files if file.path == skill.entrypoint)
        if script.size > MAX_SOURCE:
            return ""
        source = b"".join(archive.read(script)).decode("utf-8", errors="replace")
        asked = modules_of(skill.lang, source, _beside(archive, skill))
    return warm_start(skill.lang, skill.entrypoint, asked, prepared=skill.tree is not None)


def _beside(archive: SkillArchive, skill: LoadedSkill) -> set[str]:
    """Names of what the skill's script may import of the skill's own."""
    folders = {skill.entrypoint.rpartition("/")[0], VENDOR, *([""] if skill.own_folder else [])}
    paths = [PurePosixPath(file.path) for file in archive.files]
    return {
        path.parts[len(PurePosixPath(folder).parts)]
        for path in paths
        for folder in folders
        if path.is_relative_to(folder) and path != PurePosixPath(folder)
    }


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


def refill(installation: Installation, kind: Kind) -> None:
    """Makes the next waiting container after a run that has taken one, or found none; what fails is logged.

    As many as are asked for at once come to wait: each run makes one. Those that nobody asks for end by themselves.
    """
    try:
        engine, instance = installation.engine.name, installation.settings.instance
        rows = installation.waiting.listed(instance, engine)
        for row in over(rows, now()):
            discard(installation, row.name)
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
    most = places(settings.pool_max, kind.ceiling, int(engine.info().get("MemTotal") or 0))
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
    )
    entered = installation.waiting.enter(new, seconds=kind.waits, most=most)
    if not entered:
        # Only of those whose place this one may have: where it is larger than others, it has fewer.
        rows = [row for row in installation.waiting.listed(settings.instance, engine.name) if row.place < most]
        if victim := giving_way(rows, kind, now()):
            discard(installation, victim)
            entered = installation.waiting.enter(new, seconds=kind.waits, most=most)
    if not entered:
        return False
    try:
        make_waiting(engine, name, kind, users=settings.sandbox_users, instance=settings.instance)
        if not installation.waiting.ready(name):
            raise EngineError(f"the waiting container {name} was given up while it was made")
    except BaseException:
        discard(installation, name)
        engine.remove(name)
        raise
    return True


def discard(installation: Installation, name: str) -> bool:
    """Ends a waiting container that nobody has taken; False where somebody has.

    Raises:
        EngineError, DatabaseError: The engine or the database failed; what is left the reconciler finds.
    """
    if not installation.waiting.give_up(name):
        return False
    installation.engine.remove(name)
    return True


def over(rows: Sequence[WaitingRow], moment: datetime) -> list[WaitingRow]:
    """Those that have ended by themselves, or lost whoever made them. Pure."""
    return [
        row for row in rows if moment >= aware(row.ends_at) or (not row.ready and moment - aware(row.made_at) > MAKING)
    ]


def giving_way(rows: Sequence[WaitingRow], kind: Kind, moment: datetime) -> str | None:
    """The name of the container of another kind that waits for longest, and not only since a moment ago. Pure."""
    others = [row for row in rows if row.ready and row.kind != kind.digest and moment - aware(row.made_at) > SETTLED]
    return min(others, key=lambda row: row.made_at).name if others else None
