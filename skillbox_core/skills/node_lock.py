"""The lock of a Node skill: each package with its place and its SHA-512. It is the same file as that of a Python skill.

It is a `package-lock.json` of version 3, written anew from what it means and without addresses, beside what was asked.
It is written by this package only, and yet read as a stranger's: anybody can push an archive with one in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skillbox_core.base.json_rules import JsonError, parse_json
from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import LOCK, SkillArchive
from skillbox_core.skills.environment_lock import lock_text
from skillbox_core.skills.requirements import checked_lock, checked_root

NODE_MODULES = "node_modules"
_SHA512 = re.compile(r"sha512-[A-Za-z0-9+/]{86}==\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class NodeLock:
    """Packages, and what they were locked from. It reaches every image: npm's locks have the packages of all platforms.

    Attributes:
        path: The file of the skill that asks for them.
        asked: Digest of what it asks for, hex (`NodeSource.digest`).
        root: What it asks for, a JSON object.
        packages: Entries of a `package-lock.json` by their place, a JSON object.
    """

    path: str
    asked: str
    root: str
    packages: str

    @property
    def digest(self) -> str:
        """Of all that npm is given: skills that ask for the same and need the same share one tree.

        What is asked for decides, with the packages, what npm installs: with the same packages a stranger's may differ.
        """
        return f"sha256:{hashlib.sha256(json.dumps([self.root, self.packages]).encode()).hexdigest()}"

    @property
    def count(self) -> int:
        """How many packages are needed, beside those that are for some platforms only."""
        return sum(1 for entry in json.loads(self.packages).values() if not entry.get("optional"))

    @property
    def named(self) -> tuple[str, ...]:
        """`name@version` of what the skill itself asks for."""
        packages = json.loads(self.packages)
        places = [f"{NODE_MODULES}/{name}" for name in sorted(json.loads(self.root)["dependencies"])]
        entries = [(package_name(place, packages[place]), packages[place]) for place in places if place in packages]
        return tuple(f"{name}@{entry['version']}" for name, entry in entries)

    @property
    def npm_files(self) -> dict[str, str]:
        """`package.json` and `package-lock.json`, as npm needs them to install what is locked."""
        root, packages = json.loads(self.root), json.loads(self.packages)
        lock = {"lockfileVersion": 3, "requires": True, "packages": {"": _without_overrides(root), **packages}}
        return {"package.json": json.dumps(root), "package-lock.json": json.dumps(lock)}

    @property
    def text(self) -> str:
        """The file. The same packages give the same bytes."""
        said = {
            "source": self.path,
            "asked": self.asked,
            "root": json.loads(self.root),
            "packages": json.loads(self.packages),
        }
        return json.dumps(said, indent=1, sort_keys=True) + "\n"


def node_lock(path: str, asked: str, root: Mapping[str, Any], packages: Mapping[str, Any]) -> NodeLock:
    """The lock that packages make.

    Args:
        root: What is asked for.
        packages: Entries of a `package-lock.json` by their place, checked (`checked_lock`).

    Raises:
        InvalidSkillError: A package has no SHA-512.
    """
    kept = {place: entry for place, entry in packages.items() if place}
    for place, entry in kept.items():
        if not _is_hashed(place, kept):
            integrity = entry.get("integrity")
            has = f"has {shown(str(integrity))}" if integrity else "has no hash"
            raise InvalidSkillError(
                f"{path}: {package_name(place, entry)}@{entry['version']} {has}, and packages are taken by their "
                "SHA-512 only",
                hint="where a package-lock.json says so, delete it and let npm write it anew",
            )
    return NodeLock(path, asked, _text(root), _text(kept))


def _is_hashed(place: str, packages: Mapping[str, Any]) -> bool:
    """Whether its bytes are said: by a hash of its own, or by that of the package which it is a part of."""
    entry = packages[place]
    if entry.get("inBundle") is not True:
        return bool(_SHA512.match(str(entry.get("integrity"))))
    while place := place.rpartition("/node_modules/")[0]:
        above = packages.get(place, {})
        if above.get("inBundle") is not True:
            return bool(above.get("bundleDependencies") and _SHA512.match(str(above.get("integrity"))))
    return False


def package_name(place: str, entry: Mapping[str, Any]) -> str:
    """What a package is called in the registry; an alias has another name than its place."""
    return str(entry.get("name") or place.rpartition("node_modules/")[2])


def _without_overrides(root: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in root.items() if key != "overrides"}


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True)


def read_node_lock(text: str) -> NodeLock:
    """The lock that a text is.

    Raises:
        InvalidSkillError: It is none, to the letter.
    """
    try:
        # With their limit on depth: what follows walks through it level by level.
        said = parse_json(text)
    except JsonError:
        raise _no_lock() from None
    if not isinstance(said, dict) or said.keys() != {"source", "asked", "root", "packages"}:
        raise _no_lock()
    path, asked, root = said["source"], said["asked"], said["root"]
    if not isinstance(path, str) or not _DIGEST.match(str(asked)) or not isinstance(root, dict):
        raise _no_lock()
    if not isinstance(root.get("dependencies"), dict):
        raise _no_lock()
    lock = node_lock(path, asked, checked_root(root, LOCK), checked_lock(said, LOCK))
    if lock.text != text:
        raise _no_lock()
    return lock


def _no_lock() -> InvalidSkillError:
    return InvalidSkillError(f"{LOCK} is not as Skillbox writes it", hint="delete it, and push the folder again")


def node_lock_of(archive: SkillArchive) -> NodeLock | None:
    """The lock that a Node skill has; None for one that needs no environment.

    Raises:
        InvalidSkillError: What is there by that name is none.
    """
    if any(file.path.startswith(f"{NODE_MODULES}/") for file in archive.files):
        return None
    text = lock_text(archive, "node")
    return None if text is None else read_node_lock(text)
