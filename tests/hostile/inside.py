"""The cases that have a sandbox, once more inside a prepared environment.

Such a run has in addition a layer of packages, variables that point to it, and a way to the sandbox through the store:
none of that may weaken a wall. Skills in Python have a lock of their own and go the whole way. An image that a case
makes may answer anything when it is asked for its Python, and those of other languages have none: they are given the
tree.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest

from skillbox_core.environments.prepare import Environments
from skillbox_core.installation import Installation
from skillbox_core.models import Tree
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.skills.archive import LOCK, SkillArchive
from skillbox_core.skills.environment_lock import lock_of
from skillbox_core.skills.package import package
from skillbox_core.skills.sources import REQUIREMENTS
from tests.hostile.images import remove_environments
from tests.services.wheels import use_folder, wheel

PACKAGE = "inside"
_MD = "---\nname: inside\ndescription: Asks for a package.\n---\n"


class Inside:
    """An environment with a package that nobody else has, locked, made and stored as a push and a run do it."""

    def __init__(self, installation: Installation) -> None:
        self._engine = installation.engine
        with (
            TemporaryDirectory(prefix="skillbox-hostile-inside-") as temporary,
            pytest.MonkeyPatch.context() as environment,
        ):
            folder, files = Path(temporary), {"SKILL.md": _MD, "main.py": "", REQUIREMENTS: PACKAGE}
            own = {f"{PACKAGE}.py": f"NAME = {uuid.uuid4().hex!r}\n"}
            wheel(use_folder(folder / "index", environment), PACKAGE, files=own)
            (folder / "skill").mkdir()
            for name, text in files.items():
                (folder / "skill" / name).write_text(text)
            settings = installation.settings
            locker = installation.environments.locker("default", lambda _: None)
            archive = package(folder / "skill", folder / "a.zip", settings.max_skill_size, locker=locker)
            stored = installation.registry.push("default", archive.path).archive
            image = resolve_image(settings.default_images["python"], settings.image_allowlist, settings.image_aliases)
            tree = installation.environments.prepare(stored, image)
            lock = lock_of(stored)
        assert tree is not None
        assert lock is not None
        self.tree = tree
        self.files = (
            {"name": REQUIREMENTS, "text": PACKAGE},
            {"name": LOCK, "text": lock.text},
        )

    def close(self) -> None:
        """Removes what was built of it."""
        remove_environments(self._engine, layer.LABEL_TREE, self.tree.digest)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Skills without a lock get the tree, too."""
        prepare = Environments.prepare

        def given(environments: Environments, *arguments: Any) -> Tree:
            return prepare(environments, *arguments) or self.tree

        with patch.object(Environments, "prepare", given), patch.object(SkillArchive, "locked", True):
            yield

    def missing(self, seen: Iterable[dict[str, Any]]) -> Iterator[str]:
        """Sandboxes, as an engine describes them, that were made from anything else."""
        for sandbox in seen:
            if (sandbox["Config"].get("Labels") or {}).get(layer.LABEL_TREE) != self.tree.digest:
                yield "a sandbox was not inside the environment"
