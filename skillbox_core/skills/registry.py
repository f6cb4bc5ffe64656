"""The registry: skills by tenant, name and version, under `{tenant}/{skill}/{version}/skill.zip`.

The bucket says which versions there are. The database says what their bytes must be, from the moment a
version was first seen: so of two pushes at once one wins, and an object that was swapped later is noticed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from skillbox_core.errors import SkillNotFoundError, StorageError, VersionExistsError
from skillbox_core.names import Version, check_skill, check_tenant, check_version
from skillbox_core.skills.archive import SkillArchive, inspect_archive, open_archive
from skillbox_core.storage.database import Database
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.tables import SkillDigestRow, aware, now

OBJECT = "skill.zip"
LATEST = ("", "latest")
_PUSH_ABANDONED = timedelta(hours=1)


@dataclass(frozen=True)
class Pushed:
    """A stored version; `new` is False when the same bytes were there already."""

    archive: SkillArchive
    new: bool


class Registry:
    """Skills in a bucket, with a local cache by content.

    Args:
        cache: Folder for verified archives; may be shared by processes.
        max_size: Bytes that an archive may have, packed and unpacked.
    """

    def __init__(self, bucket: Bucket, database: Database, cache: Path, max_size: int) -> None:
        self._bucket = bucket
        self._database = database
        self._cache = cache
        self._max_size = max_size

    def push(self, tenant: str, path: Path) -> Pushed:
        """Checks an archive and stores it as the version it says it is.

        Raises:
            InvalidSkillError: The archive breaks a rule; nothing is stored.
            VersionExistsError: The version is there with other contents.
        """
        archive = inspect_archive(path, self._max_size)
        manifest = archive.manifest
        key = self._key(tenant, manifest.name, manifest.version)
        stored = self._bucket.size(key) is not None
        taken = self._claim(tenant, manifest.name, manifest.version, archive.digest)
        if taken.digest != archive.digest:
            abandoned = not stored and now() - aware(taken.created_at) > _PUSH_ABANDONED
            if not abandoned:
                raise VersionExistsError(
                    f"{manifest.name}@{manifest.version} is there already with other contents; versions don't change",
                    hint="raise the version in SKILL.md",
                )
            self._forget(tenant, manifest.name, manifest.version)
            return self.push(tenant, path)
        if not stored:
            self._bucket.put(archive.path, key)
        return Pushed(archive, new=not stored)

    def skills(self, tenant: str) -> list[str]:
        """Names of a tenant's skills."""
        return self._bucket.names(check_tenant(tenant))

    def versions(self, tenant: str, name: str) -> list[str]:
        """Versions of a skill, highest first; empty when there is no such skill."""
        found = self._bucket.names(f"{check_tenant(tenant)}/{check_skill(name)}")
        parsed = sorted(filter(None, (Version.parse(text) for text in found)), reverse=True)
        return [str(version) for version in parsed]

    def resolve(self, tenant: str, name: str, version: str) -> str:
        """The version that a request means: itself, or the highest for `latest`; releases before pre-releases.

        Raises:
            SkillNotFoundError: With what is there instead.
        """
        check_tenant(tenant), check_skill(name)
        if version not in LATEST:
            text = str(check_version(version))
            if self._bucket.size(self._key(tenant, name, text)) is None:
                there = ", ".join(self.versions(tenant, name)[:5])
                raise SkillNotFoundError(
                    f"there is no version {text} of skill {name}",
                    hint=f"there is {there}"
                    if there
                    else "there is no skill of this name; `skillbox skill list` shows what there is",
                )
            return text
        versions = self.versions(tenant, name)
        if not versions:
            raise SkillNotFoundError(f"there is no skill {name}", hint="`skillbox skill list` shows what there is")
        return next((text for text in versions if "-" not in text), versions[0])

    def load(self, tenant: str, name: str, version: str) -> SkillArchive:
        """A version as a checked local archive, from the cache where it is there.

        Raises:
            SkillNotFoundError: It is not stored.
            StorageError: The stored object is not what was pushed.
        """
        known = self._known(tenant, name, version)
        if known:
            cached = self._cached(known)
            if cached.is_file():
                return open_archive(cached, self._max_size)
        return self._fetch(tenant, name, version)

    def delete(self, tenant: str, name: str, version: str) -> None:
        """Removes a version; one that is gone raises `SkillNotFoundError`."""
        version = self.resolve(tenant, name, version)
        self._bucket.delete(self._key(tenant, name, version))
        self._forget(tenant, name, version)

    def _key(self, tenant: str, name: str, version: str) -> str:
        return f"{check_tenant(tenant)}/{check_skill(name)}/{check_version(version)}/{OBJECT}"

    def _cached(self, digest: str) -> Path:
        return self._cache / digest[:2] / f"{digest}.zip"

    def _fetch(self, tenant: str, name: str, version: str) -> SkillArchive:
        self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._cache / f".{uuid.uuid4().hex}.zip"
        key = self._key(tenant, name, version)
        try:
            size = self._bucket.size(key)
            if size is None:
                raise SkillNotFoundError(f"there is no version {version} of skill {name}")
            if size > self._max_size:
                raise StorageError(f"the stored {name}@{version} is over this installation's limit for a skill")
            self._bucket.get(key, draft)
            archive = inspect_archive(draft, self._max_size)
            manifest = archive.manifest
            if (manifest.name, manifest.version) != (name, version):
                raise StorageError(
                    f"the object stored as {name}@{version} says it is {manifest.name}@{manifest.version}"
                )
            row = self._claim(tenant, name, version, archive.digest)
            if row.digest != archive.digest:
                raise StorageError(f"the stored {name}@{version} is not what was pushed: its digest has changed")
            target = self._cached(archive.digest)
            target.parent.mkdir(exist_ok=True, mode=0o700)
            draft.replace(target)
            return open_archive(target, self._max_size)
        finally:
            draft.unlink(missing_ok=True)

    def _known(self, tenant: str, name: str, version: str) -> str | None:
        with self._database.session() as session:
            row = session.get(SkillDigestRow, (tenant, name, version))
            return row.digest if row else None

    def _claim(self, tenant: str, name: str, version: str, digest: str) -> SkillDigestRow:
        """The row of a version: this one, or the one that was first."""
        row = SkillDigestRow(tenant_id=tenant, skill_name=name, version=version, digest=digest, created_at=now())
        try:
            with self._database.session() as session:
                session.add(row)
                session.flush()
                return row
        except IntegrityError:
            with self._database.session() as session:
                return session.get_one(SkillDigestRow, (tenant, name, version))

    def _forget(self, tenant: str, name: str, version: str) -> None:
        with self._database.session() as session:
            row = session.get(SkillDigestRow, (tenant, name, version))
            if row:
                session.delete(row)
