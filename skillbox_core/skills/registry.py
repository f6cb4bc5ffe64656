"""The registry: skills by tenant, name and version, under `{tenant}/{skill}/{version}/skill.zip`.

The bucket says which versions there are. The database says what their bytes must be, from the moment a
version was first seen: so of two pushes at once one wins, and an object that was swapped later is noticed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

from skillbox_core.errors import SkillNotFoundError, StorageError, VersionExistsError
from skillbox_core.folders import make_private
from skillbox_core.names import check_skill, check_tenant
from skillbox_core.skills.archive import SkillArchive, inspect_archive, open_archive
from skillbox_core.storage.database import Database
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.tables import ResolutionRow, SkillDigestRow, aware, now
from skillbox_core.versions import Constraint, Version, check_version

OBJECT = "skill.zip"
_PUSH_ABANDONED = timedelta(hours=1)

Row = TypeVar("Row", SkillDigestRow, ResolutionRow)


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
        return [str(version) for version in self._versions(tenant, name)]

    def resolve(self, tenant: str, name: str, version: str, owner: str | None = None) -> str:
        """The version that a request means.

        Args:
            version: A version or a constraint (`skillbox_core.versions.Constraint`).
            owner: On whose behalf, such as a flow run. The first answer given to an owner stands: it gets the
                same one for the same question ever after, in any process, and without asking the store.

        Raises:
            InvalidRequestError: The constraint is none.
            SkillNotFoundError: With what is there instead.
        """
        check_tenant(tenant), check_skill(name)
        constraint = Constraint.parse(version)
        if owner is None:
            return self._resolve(tenant, name, constraint)
        key = (owner, tenant, name, constraint.text)
        with self._database.session() as session:
            known = session.get(ResolutionRow, key)
        if known is None:
            known = self._first(
                ResolutionRow(
                    owner=owner,
                    tenant_id=tenant,
                    skill_name=name,
                    asked_version=constraint.text,
                    version=self._resolve(tenant, name, constraint),
                    created_at=now(),
                ),
                key,
            )
        return known.version

    def load(self, tenant: str, name: str, version: str) -> SkillArchive:
        """A version as a checked local archive, from the cache where it is there.

        Raises:
            SkillNotFoundError: It is not stored.
            StorageError: The stored object is not what was pushed.
        """
        key = self._key(tenant, name, version)
        known = self._known(tenant, name, version)
        if known:
            cached = self._cached(known)
            if cached.is_file():
                return open_archive(cached, self._max_size)
        return self._fetch(tenant, name, version, key)

    def delete(self, tenant: str, name: str, version: str) -> None:
        """Removes a version, named in full; one that is gone raises `SkillNotFoundError`."""
        version = self._resolve(tenant, name, Constraint.parse(str(check_version(version))))
        self._bucket.delete(self._key(tenant, name, version))
        self._forget(tenant, name, version)

    def _versions(self, tenant: str, name: str) -> list[Version]:
        found = self._bucket.names(f"{check_tenant(tenant)}/{check_skill(name)}")
        return sorted(filter(None, (Version.parse(text) for text in found)), reverse=True)

    def _resolve(self, tenant: str, name: str, constraint: Constraint) -> str:
        exact = constraint.exact
        if exact and self._bucket.size(self._key(tenant, name, str(exact))) is not None:
            return str(exact)
        versions = self._versions(tenant, name)
        best = constraint.best(versions)
        if best and not exact:
            return str(best)
        if versions:
            raise SkillNotFoundError(
                f"there is no version {constraint.text} of skill {name}",
                hint="there is " + ", ".join(map(str, versions[:5])),
            )
        near = get_close_matches(name, self.skills(tenant), n=1)
        raise SkillNotFoundError(
            f"there is no skill {name} for tenant {tenant}",
            hint=f"did you mean {near[0]}?" if near else "`skillbox skill list` shows what there is",
        )

    def _key(self, tenant: str, name: str, version: str) -> str:
        return f"{check_tenant(tenant)}/{check_skill(name)}/{check_version(version)}/{OBJECT}"

    def _cached(self, digest: str) -> Path:
        return self._cache / digest[:2] / f"{digest}.zip"

    def _fetch(self, tenant: str, name: str, version: str, key: str) -> SkillArchive:
        make_private(self._cache)
        draft = self._cache / f".{uuid.uuid4().hex}.zip"
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
        return self._first(row, (tenant, name, version))

    def _first(self, row: Row, key: tuple[str, ...]) -> Row:
        """The row of a key: this one, or the one that was first; of many at once, one is."""
        try:
            with self._database.session() as session:
                session.add(row)
                session.flush()
                return row
        except IntegrityError:
            with self._database.session() as session:
                return session.get_one(type(row), key)

    def _forget(self, tenant: str, name: str, version: str) -> None:
        with self._database.session() as session:
            row = session.get(SkillDigestRow, (tenant, name, version))
            if row:
                session.delete(row)
