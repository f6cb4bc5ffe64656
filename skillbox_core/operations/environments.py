"""What there is of environments: on this engine, in the store and in the database; and what a clean-up of them left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidRequestError
from skillbox_core.installation import Installation
from skillbox_core.models import Interpreter
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.sandbox.images import local_image
from skillbox_core.sandbox.pruning import (
    StoredEnvironment,
    prune_environments,
    removable,
    stored_environments,
)
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.environment_lock import Lock, lock_of
from skillbox_core.storage.environment_records import KnownTree

SHORTEST = 8
"""How many digits of a digest tell an environment: of so many that two begin alike, one has a list of them."""
_ASKED = re.compile(rf"sha256:[0-9a-f]{{{SHORTEST},64}}\Z")


@dataclass(frozen=True)
class Environment:
    """A tree of packages, and where it is.

    Attributes:
        digest: Of the tree.
        size: Bytes of it; None where only the store has it.
        locks: Digests of the locks that gave it.
        interpreters: The Pythons that it was made for; empty where this database does not know it.
        stored: Whether the store has it.
        images: What this engine has of it, one image for each base.
    """

    digest: str
    size: int | None
    locks: tuple[str, ...]
    interpreters: tuple[str, ...]
    stored: bool
    images: tuple[StoredEnvironment, ...]

    @property
    def used(self) -> float | None:
        """When it was used last on this engine, seconds since the epoch."""
        return max((one.used for one in self.images), default=None)

    def document(self, names: Mapping[str, str]) -> dict[str, Any]:
        """As JSON values.

        Args:
            names: Of base images, by id.
        """
        return {
            "digest": self.digest,
            "size": self.size,
            "interpreters": list(self.interpreters),
            "stored": self.stored,
            "on_engine": [
                {
                    "image": one.name,
                    "base": one.base,
                    "base_name": names.get(one.base),
                    "used_at": datetime.fromtimestamp(one.used, UTC).isoformat(timespec="seconds"),
                }
                for one in self.images
            ],
        }


@dataclass(frozen=True)
class SkillEnvironment:
    """What a skill needs, and where that is.

    Attributes:
        lock: None for a skill that needs no packages.
        image: The one that runs it here, after aliases.
        python: What the image has; None where it was not asked yet.
        environments: All that its lock gave, for any Python.
    """

    skill: str
    lock: Lock | None
    image: str
    python: Interpreter | None
    environments: tuple[Environment, ...]

    def document(self, names: Mapping[str, str]) -> dict[str, Any]:
        """As JSON values."""
        lock = self.lock
        return {
            "skill": self.skill,
            "source": lock.path if lock else None,
            "lock": lock.digest if lock else None,
            "locked_for": lock.python if lock else None,
            "universal": lock.universal if lock else None,
            "packages": packages(lock),
            "image": self.image,
            "python": self.python.text if self.python else None,
            "environments": [one.document(names) for one in self.environments],
        }


def packages(lock: Lock | None) -> list[dict[str, str]]:
    """The packages of a lock as JSON values."""
    return [{"name": p.name, "version": p.version, "marker": p.marker} for p in (lock.pins if lock else ())]


def list_environments(installation: Installation) -> list[Environment]:
    """All environments that are on the engine, in the store or in the database; those used last come first.

    Raises:
        EngineError, StorageError, DatabaseError: One of them can't be asked.
    """
    environments = installation.environments
    return merged(environments.records.trees(), environments.store.digests(), stored_environments(installation.engine))


def merged(known: Iterable[KnownTree], stored: Iterable[str], images: Iterable[StoredEnvironment]) -> list[Environment]:
    """What three places say, by the digest of the tree. Pure."""
    rows: dict[str, list[KnownTree]] = {}
    for row in known:
        rows.setdefault(row.tree.digest, []).append(row)
    built: dict[str, list[StoredEnvironment]] = {}
    for image in images:
        built.setdefault(image.tree, []).append(image)
    there = set(stored)
    found = []
    for digest in {*rows, *built, *there}:
        mine, here = rows.get(digest, []), built.get(digest, [])
        sizes = [row.tree.size for row in mine] + [image.size for image in here]
        found.append(
            Environment(
                digest,
                sizes[0] if sizes else None,
                tuple(dict.fromkeys(row.lock_digest for row in mine)),
                tuple(dict.fromkeys(row.interpreter.text for row in mine)),
                digest in there,
                tuple(sorted(here, key=lambda image: -image.used)),
            )
        )
    return sorted(found, key=lambda one: (-(one.used or 0), one.digest))


def find_environment(found: Sequence[Environment], digest: str) -> Environment:
    """The environment that the beginning of a digest tells. Pure.

    Args:
        digest: `sha256:` and eight or more digits.

    Raises:
        InvalidRequestError: None has it, or more than one.
    """
    if not _ASKED.match(digest):
        raise InvalidRequestError(
            f"{shown(digest)} is not the digest of an environment",
            hint=f"sha256: and {SHORTEST} or more hexadecimal digits, as `skillbox env list` shows them",
        )
    fitting = [one for one in found if one.digest.startswith(digest)]
    if len(fitting) > 1:
        raise InvalidRequestError(f"{len(fitting)} environments begin with {digest}", hint="give more of its digits")
    if not fitting:
        raise InvalidRequestError(f"there is no environment {digest}", hint="`skillbox env list` shows what there is")
    return fitting[0]


def environment_of(installation: Installation, archive: SkillArchive) -> SkillEnvironment:
    """What a stored skill needs, and where that is. Nothing is made, pulled or started.

    Raises:
        EngineError, StorageError, DatabaseError: One of them can't be asked.
    """
    settings, records = installation.settings, installation.environments.records
    lock = lock_of(archive)
    asked = archive.manifest.image or settings.default_images[archive.lang]
    used = resolve_image(asked, settings.image_allowlist, settings.image_aliases)
    image = local_image(installation.engine, used)
    python = records.interpreter(image.id) if image else None
    found = [one for one in list_environments(installation) if lock and lock.pins and lock.digest in one.locks]
    skill = f"{archive.manifest.name}@{archive.manifest.version}"
    return SkillEnvironment(skill, lock, used, python, tuple(found))


def latest_skills(installation: Installation, tenant: str) -> list[SkillArchive]:
    """A tenant's skills, each in its highest version."""
    registry = installation.registry
    return [
        registry.load(tenant, name, registry.resolve(tenant, name, ""))
        for name in registry.skills(tenant)
        if registry.versions(tenant, name)
    ]


def skills_with(archives: Iterable[SkillArchive], environment: Environment) -> list[tuple[SkillArchive, Lock]]:
    """Those of these skills whose lock gave an environment."""
    locked = [(archive, lock) for archive in archives if (lock := lock_of(archive))]
    return [(archive, lock) for archive, lock in locked if lock.digest in environment.locks]


@dataclass(frozen=True)
class Pruned:
    """What a pruning did.

    Attributes:
        removed: What went.
        kept: What stayed though the limit asks for less, each with the reason.
        left: Bytes of all that stayed.
    """

    removed: tuple[StoredEnvironment, ...]
    kept: tuple[tuple[StoredEnvironment, str], ...]
    left: int


def prune(installation: Installation, most: int) -> Pruned:
    """Removes environments from the engine that nothing uses, until the rest take no more than `most` bytes.

    Raises:
        EngineError: The engine failed; calling again is safe.
    """
    engine = installation.engine
    removed = prune_environments(engine, most)
    left = stored_environments(engine)
    total = sum(one.size for one in left)
    kept = why_kept(left, layer.seconds(engine.info()["SystemTime"])) if total > most else []
    return Pruned(tuple(removed), tuple(kept), total)


def why_kept(left: Sequence[StoredEnvironment], now: float) -> list[tuple[StoredEnvironment, str]]:
    """Why each of these was not removed, though there was reason to. Pure."""
    old = removable(left, now)
    return [(one, "a container is made from it" if one in old else "it was used a moment ago") for one in left]
