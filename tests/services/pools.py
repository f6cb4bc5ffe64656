"""Installations with containers that wait for a job, and such containers by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlmodel import col

from skillbox_core import Runner, RunOptions, RunRequest, Settings
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, LoadedSkill, Sandbox
from skillbox_core.run import kinds, pool
from skillbox_core.run.loading import load_skill, sandbox_image
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox.container import LABEL_INSTANCE
from skillbox_core.sandbox.waiting import Kind
from skillbox_core.storage.tables import ExecutionRow, WaitingRow, now
from skillbox_core.storage.waiting_records import NewWaiting, WaitingRecords
from tests.services.settling import containers_left, settle

SMALL = {"default_memory": "96Mi", "default_scratch": "32Mi", "default_cpu": "1"}


@contextmanager
def pooled(settings: Settings, home: Path, **changes: Any) -> Iterator[Runner]:
    """A worker whose runs take containers that wait, and of whose runs each has the next one made; in the end nothing
    of it may be left on the engine."""
    own = {"home": home, "instance": f"{settings.instance}-pool", "pool_max": 4, "pool_min": 1, **SMALL, **changes}
    runner = Runner.from_settings(settings.model_copy(update=own))
    try:
        yield runner
    finally:
        drain(runner.installation)
        left = containers_left(runner.installation.engine, {LABEL_INSTANCE: runner.installation.settings.instance})
        for container in left:
            runner.installation.engine.remove(container["Id"])
    assert [(container["Names"], container["State"]) for container in left] == [], "containers were left behind"


def waiting(installation: Installation) -> list[str]:
    """The names of those that wait and can be taken."""
    rows = installation.waiting.listed(installation.settings.instance, installation.engine.name)
    return [row.name for row in rows if row.ready]


def drain(installation: Installation) -> None:
    """Ends all that wait."""
    settle()
    for row in installation.waiting.listed(installation.settings.instance, installation.engine.name):
        installation.give_up_waiting(row.name)


def enter(records: WaitingRecords, name: str, *, seconds: float = 600.0, most: int = 99, **facts: Any) -> bool:
    """Whether there is a place for one that nobody has made."""
    said = {
        "image": "i:1",
        "image_id": "sha256:1",
        "memory": 1,
        "scratch": 1,
        "cpu_quota": 1,
        "ready_for": "a shell",
        **facts,
    }
    return records.enter(NewWaiting(name=name, **said), seconds=seconds, most=most)


def kind_of(runner: Runner, skill: str, **options: Any) -> Kind:
    """What a container for this skill is."""
    installation = runner.installation
    loaded = load_skill(installation, "default", skill, "1.0.0", RunOptions(**options))
    archive = installation.registry.load("default", skill, "1.0.0")
    return kinds.kind_of(installation, archive, loaded, sandbox_image(installation, loaded.image, None)[1].id, {})


def ahead(runner: Runner, skill: str, **options: Any) -> str:
    """The name of the only container that waits now, for a run of this skill."""
    drain(runner.installation)
    return more(runner, skill, **options)


def more(runner: Runner, skill: str, **options: Any) -> str:
    """The name of one more that waits, for a run of this skill."""
    before = set(waiting(runner.installation))
    pool.refill(runner.installation, kind_of(runner, skill, **options))
    (name,) = set(waiting(runner.installation)) - before
    return name


def end_time(runner: Runner, name: str) -> None:
    """Has the time of one that waits be over."""
    with runner.installation.executions.database.session() as session:
        over = now() - timedelta(seconds=5)
        session.execute(update(WaitingRow).where(col(WaitingRow.name) == name).values(ends_at=over))


def record(runner: Runner, execution_id: str) -> ExecutionRow:
    """What is written down of an execution."""
    return runner.installation.executions.find([execution_id])[execution_id]


def begun(worker: Runner, skill: str = "for-ever", **options: Any) -> tuple[Steps, Execution, LoadedSkill, Sandbox]:
    """A run up to the start of its skill, by a worker who is lost then."""
    steps = Steps(Runner.from_settings(worker.installation.settings).installation)
    asked = RunOptions(**options)
    execution = steps.create_record(RunRequest(skill=skill), asked)
    loaded = steps.load_skill(execution, asked)
    return steps, execution, loaded, steps.create_container(execution, loaded, RunRequest(skill=skill), asked)
