"""Node's packages: from what a skill asks for to a lock, and from a lock to a tree. npm does both, and runs nothing."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from skillbox_core.base.names import shown
from skillbox_core.environments import npm
from skillbox_core.environments.tree import Member, check_count, check_members, write_tree
from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Interpreter, Tree
from skillbox_core.skills.archive import PACKAGE
from skillbox_core.skills.environment_lock import MAX_LOCK
from skillbox_core.skills.node_lock import NODE_MODULES, NodeLock, node_lock, package_name
from skillbox_core.skills.node_sources import PACKAGE_LOCK, NodeSource
from skillbox_core.skills.requirements import checked_lock

_CPUS = {"x86_64": "x64", "aarch64": "arm64"}
_HIDDEN = ".package-lock.json"
"""What npm writes of itself into `node_modules`."""
_MAX_SIZE = 1024**3
"""Bytes of what npm keeps while it locks: what the registry says of each package."""


def make_node_lock(source: NodeSource) -> NodeLock:
    """Locks what a skill asks for, for every platform that its packages are made for.

    Raises:
        InvalidSkillError: It can't be had; names the package, the rule and the way out.
        IndexUnavailableError: The registry can't be reached.
    """
    with tempfile.TemporaryDirectory(prefix="skillbox-lock-") as temporary:
        folder = Path(temporary)
        (folder / PACKAGE).write_text(source.root, "utf-8")
        if source.lock is not None:
            (folder / PACKAGE_LOCK).write_text(source.lock, "utf-8")
        npm.run_npm(
            ["install", "--package-lock-only"], folder, path=source.path, timeout=npm.LOCK_TIMEOUT, max_size=_MAX_SIZE
        )
        written = folder / PACKAGE_LOCK
        if written.stat().st_size > MAX_LOCK:
            raise InvalidSkillError(
                f"the lock is over {MAX_LOCK // 1024**2} MiB: there are too many packages",
                hint="use an image that has them (`image:` and `environment: none` in SKILL.md)",
            )
        packages = checked_lock(json.loads(written.read_text("utf-8")), source.path)
    if source.lock is not None:
        check_author(packages, json.loads(source.lock)["packages"], source.path)
    return node_lock(source.path, source.digest, json.loads(source.root), packages)


def check_author(packages: dict[str, Any], given: dict[str, Any], path: str) -> None:
    """Refuses packages that the author's lock does not have, or has in another version or with another hash.

    Raises:
        InvalidSkillError: Names the first.
    """
    for place, entry in sorted(packages.items()):
        known = given.get(place, {})
        if place and any(known.get(key) != entry.get(key) for key in ("version", "name", "integrity")):
            raise InvalidSkillError(
                f"{path}: its package-lock.json does not have {package_name(place, entry)}@{entry['version']} "
                "with a hash, which is needed",
                hint="`npm install` mends it",
            )


def make_node_tree(lock: NodeLock, node: Interpreter, target: Path, *, max_size: int, max_files: int) -> Tree:
    """Makes the tree of a lock for the Node of an image.

    Args:
        target: Where the uncompressed tar will be.
        max_size: Bytes of it.
        max_files: How many files.

    Raises:
        InvalidSkillError: A package is not made for this platform, or there is too much of it.
        IndexUnavailableError: The registry can't be reached.
    """
    with tempfile.TemporaryDirectory(prefix="skillbox-tree-") as temporary:
        folder = Path(temporary)
        for name, text in lock.npm_files.items():
            (folder / name).write_text(text, "utf-8")
        platform = ["--os=linux", f"--cpu={_CPUS[node.machine]}", f"--libc={node.libc.partition(' ')[0]}"]
        npm.run_npm(["ci", *platform], folder, path=lock.path, timeout=npm.INSTALL_TIMEOUT, max_size=max_size)
        check_installed(lock, (folder / NODE_MODULES / _HIDDEN).read_text("utf-8"))
        members = lay_out_node(folder, max_files)
        check_members(members, max_size, max_files)
        return write_tree(members, target)


def check_installed(lock: NodeLock, said: str) -> None:
    """Holds what npm installed against the lock, by its places and hashes.

    npm alone does not: a tag or an alias that is asked for is looked up anew in the registry, and what nothing asks for
    is left out.

    Args:
        said: What npm wrote of it into `node_modules`.

    Raises:
        InvalidSkillError: It is something else.
    """
    there, locked = json.loads(said)["packages"], json.loads(lock.packages)
    others = [place for place, entry in there.items() if _identity(entry) != _identity(locked.get(place, {}))]
    missing = [place for place, entry in locked.items() if place not in there and not _may_be_left_out(entry)]
    for place in sorted(others) + sorted(missing):
        raise InvalidSkillError(
            f"{lock.path}: npm installed something else than was locked as {shown(place)}",
            hint="ask for versions instead of tags, or push the folder again without its environment.lock",
        )


def _identity(entry: dict[str, Any]) -> tuple[object, object, bool]:
    return entry.get("version"), entry.get("integrity"), bool(entry.get("inBundle"))


def _may_be_left_out(entry: dict[str, Any]) -> bool:
    """Whether a package is for some platforms only, or comes with the one that brings it."""
    return any(entry.get(key) for key in ("optional", "devOptional", "inBundle", "peer"))


def lay_out_node(folder: Path, max_files: int) -> list[Member]:
    """The members of a tree: the plain files of `node_modules`, without what npm wrote of itself.

    Raises:
        InvalidSkillError: A package holds something that is no plain file, or there are too many files.
    """
    found: list[Member] = []
    for root, folders, names in os.walk(folder / NODE_MODULES):
        for name in sorted([*names, *folders]):
            path = Path(root) / name
            inside = path.relative_to(folder).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                if inside != f"{NODE_MODULES}/{_HIDDEN}":
                    found.append(Member(inside, path, bool(mode & stat.S_IXUSR)))
                    check_count(len(found), max_files)
            elif not stat.S_ISDIR(mode):
                raise InvalidSkillError(
                    f"a package has {shown(inside)}, which is no plain file",
                    hint="use an image that has the package (`image:` and `environment: none` in SKILL.md)",
                )
    return found
