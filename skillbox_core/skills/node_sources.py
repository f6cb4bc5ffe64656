"""Where a Node skill says which packages it needs: `package.json`, with its lock if there is one. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import PACKAGE
from skillbox_core.skills.requirements import checked_packages

PACKAGE_LOCK = "package-lock.json"
_OTHERS = ("npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock")
"""Locks that npm does not write, or that are for packages to be published."""


@dataclass(frozen=True)
class NodeSource:
    """Which packages a skill needs, checked: nothing but packages of a registry, by name and version.

    Attributes:
        path: The file that says it.
        root: What it asks for, as a JSON object: `dependencies` and what belongs to them.
        lock: That of the author, as JSON; None without one.
    """

    path: str
    root: str
    lock: str | None = None

    @property
    def needed(self) -> bool:
        """Whether it asks for any package."""
        return True

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says."""
        return hashlib.sha256(json.dumps([self.path, self.root, self.lock]).encode()).hexdigest()


@dataclass(frozen=True)
class NodeFound:
    """What was looked for; `source` is None when nothing says anything.

    Attributes:
        warnings: What is passed over, a sentence each.
    """

    source: NodeSource | None = None
    warnings: tuple[str, ...] = ()


def find_node_scripts_source(read: Callable[[str], str | None], scripts: Iterable[str]) -> NodeFound:
    """What the scripts of a skill without an entrypoint ask for: the first `package.json` that one of them has.

    What somebody else's skill says wrongly keeps it from having packages, with a warning, and not from being stored.

    Args:
        scripts: Paths of its Node scripts.
    """
    source: NodeSource | None = None
    warnings: dict[str, None] = {}
    # Scripts of one folder ask for the same.
    for script in {script.rpartition("/")[0]: script for script in scripts}.values():
        try:
            found = find_node_source(read, script)
        except InvalidSkillError as error:
            warnings[f"what asks for these packages lacks them: {error.message}"] = None
            continue
        warnings.update(dict.fromkeys(found.warnings))
        if source and found.source and found.source.path != source.path:
            warnings[f"{found.source.path} is passed over: {source.path} says which packages the skill needs"] = None
        source = source or found.source
    return NodeFound(source, tuple(warnings))


def find_node_source(read: Callable[[str], str | None], entrypoint: str) -> NodeFound:
    """The first `package.json` with dependencies: at the root of the skill, then beside the entrypoint.

    Args:
        read: The text of a file of the skill; None where there is none.

    Raises:
        InvalidSkillError: It asks for more than packages of a registry, or can't be read.
    """
    beside = entrypoint.rpartition("/")[0]
    source: NodeSource | None = None
    warnings: list[str] = []
    for folder in ("", f"{beside}/") if beside else ("",):
        package, lock = read(folder + PACKAGE), read(folder + PACKAGE_LOCK)
        if package is None:
            if lock is not None:
                warnings.append(f"{folder}{PACKAGE_LOCK} is passed over: there is no {folder}{PACKAGE} beside it")
            continue
        if source is not None:
            if "dependencies" in package:
                warnings.append(f"{folder}{PACKAGE} is passed over: {source.path} says which packages the skill needs")
            continue
        files = {
            name: json.dumps(said, sort_keys=True) for name, said in checked_packages(package, lock, folder).items()
        }
        if not files:
            continue
        source = NodeSource(folder + PACKAGE, files[PACKAGE], files.get(PACKAGE_LOCK))
        warnings += [
            f"{folder}{name} is passed over: of locks only {PACKAGE_LOCK} is read"
            for name in _OTHERS
            if read(folder + name) is not None
        ]
    return NodeFound(source, tuple(warnings))
