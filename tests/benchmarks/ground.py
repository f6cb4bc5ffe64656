"""What the parts measure on: a fresh installation in a folder that goes away, on the engine of this checkout."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from skillbox_core import Runner, RunOptions, RunRequest, RunResult, Settings
from skillbox_core.base.home import load_env_file
from skillbox_core.installation import Installation
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.skills.package import package
from tests.benchmarks import job
from tests.benchmarks.report import Part
from tests.benchmarks.turns import TurnError

GONE = 60.0
"""Seconds after which a container that is still there counts as left."""


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        turns: Of things that take less than a second; longer ones take fewer.
        quick: A few minutes for everything, with less of what takes long.
    """

    turns: int
    quick: bool = False


@dataclass(frozen=True)
class Ground:
    """An installation that has the little job as a skill.

    Attributes:
        folder: Goes away afterwards.
        image: What its container is made from, as the engine knows it.
        cpu: All processors that a skill may have: what is compared with it has no limit of processor time.
    """

    folder: Path
    runner: Runner
    image: str
    cpu: str

    @property
    def engine_url(self) -> str:
        """Where the engine is."""
        return self.runner.installation.settings.engine_url

    def run(self, number: int = 0) -> RunResult:
        """Does the little job.

        Raises:
            TurnError: It failed, or answered something else.
        """
        request = RunRequest(skill="word-count", input={**job.INPUT, "n": number})
        result = self.runner.run(request, RunOptions(cpu=self.cpu))
        if not result.ok or result.output["total_words"] != 6:
            raise TurnError(f"a run failed: {result.error}\n{result.logs}")
        return result

    def settle(self) -> None:
        """Waits until the containers of what has ended are gone; see `gone`."""
        gone(self.runner.installation)


@contextmanager
def ground(part: Part, **changes: object) -> Iterator[Ground]:
    """Makes an installation; a container that is left of it fails the part.

    Args:
        changes: Settings.
    """
    load_env_file()
    with tempfile.TemporaryDirectory(prefix="skillbox-bench-") as temporary:
        folder = Path(temporary)
        settings = Settings.model_validate(
            {
                "home": folder / "home",
                "instance": f"bench-{uuid.uuid4().hex[:12]}",
                "db_dsn": "",
                "s3_endpoint": "",
                **changes,
            }
        )
        runner = Runner.from_settings(settings)
        push(runner, job.SKILL, folder / "skill.zip")
        image = resolve_image(settings.default_images["python"], settings.image_allowlist, settings.image_aliases)
        cpu = f"{min(os.cpu_count() or 1, float(settings.max_cpu)):g}"
        made = Ground(folder, runner, image, cpu)
        try:
            # Its image is looked up, its archive unpacked and its schema made.
            made.run()
            yield made
        finally:
            check_left(part, runner.installation)


def push(runner: Runner, source: Path, target: Path) -> None:
    """Packages a folder and stores it."""
    made = package(source, target, runner.installation.settings.max_skill_size)
    runner.installation.registry.push("default", made.path)


def gone(installation: Installation, within: float = GONE) -> None:
    """Waits until an installation has no container on the engine.

    Raises:
        TurnError: One is left after so many seconds.
    """
    give_up = time.monotonic() + within
    while containers(installation):
        if time.monotonic() > give_up:
            raise TurnError(f"a container was left for {within:g} s after its run")
        time.sleep(0.003)


def check_left(part: Part, installation: Installation, within: float = GONE) -> None:
    """Fails the part if a container is left, and removes it."""
    try:
        gone(installation, within)
    except TurnError as error:
        part.fail(str(error))
    for container in containers(installation):
        installation.engine.remove(container)


def containers(installation: Installation) -> list[str]:
    """The ids of an installation's containers on the engine."""
    found = installation.engine.containers({"skillbox.instance": installation.settings.instance})
    return [str(container["Id"]) for container in found]
