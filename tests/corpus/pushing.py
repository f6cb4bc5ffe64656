"""The skills of the corpus, pushed as their folders are, each once."""

from __future__ import annotations

from pathlib import Path

import pytest

from skillbox_core import Runner
from skillbox_core.skills.package import package
from tests.corpus.table import SKILLS, Case
from tests.services import index


class Corpus:
    """Pushes a skill when one of its calls needs it.

    Args:
        folder: Where archives may be made.
    """

    def __init__(self, runner: Runner, folder: Path) -> None:
        self._runner = runner
        self._folder = folder
        self._pushed: set[str] = set()

    def push(self, case: Case) -> None:
        """Stores the case's skill, or skips the test that asks for what this machine lacks."""
        if case.needs == "index" and (why := index.missing()):
            pytest.skip(why)
        if case.skill in self._pushed:
            return
        installation = self._runner.installation
        archive = self._folder / f"{case.skill}.zip"
        locker = installation.environments.locker("default", print)
        package(SKILLS / case.skill, archive, installation.settings.max_skill_size, locker=locker)
        installation.registry.push("default", archive)
        self._pushed.add(case.skill)
