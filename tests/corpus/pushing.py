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
        tenant: Whose they are.
    """

    def __init__(self, runner: Runner, folder: Path, tenant: str = "default") -> None:
        self._runner = runner
        self._folder = folder
        self._tenant = tenant
        self._pushed: set[str] = set()

    def push(self, case: Case, overlay: bytes | None = None) -> None:
        """Stores the case's skill as `push` does, or skips the test that asks for what this machine lacks."""
        if case.needs == "index" and (why := index.missing()):
            pytest.skip(why)
        if case.skill in self._pushed:
            return
        installation = self._runner.installation
        archive = self._folder / f"{case.skill}.zip"
        locker = installation.environments.locker(self._tenant, print)
        package(SKILLS / case.skill, archive, installation.settings.max_skill_size, locker=locker, overlay=overlay)
        installation.registry.push(self._tenant, archive)
        self._pushed.add(case.skill)
