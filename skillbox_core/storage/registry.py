"""The registry: skills by tenant, name and version, under `{tenant}/{skill}/{version}/skill.zip`.

The bucket says which versions there are. The database says what their bytes must be, from the moment a
version was first seen: so of two pushes at once one wins, and an object that was swapped later is noticed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path

from sqlalchemy import delete
from sqlmodel import col

from skillbox_core.base.names import check_skill, check_tenant, is_tenant
from skillbox_core.base.versions import Constraint, Version, check_version
from skillbox_core.errors import (
    ChangedObjectError,
    DatabaseError,
    InvalidSkillError,
    SkillNotFoundError,
    VersionExistsError,
)
from skillbox_core.skills.archive import MAX_ENTRIES, SkillArchive, inspect_archive
from skillbox_core.skills.scripts import inspect_new
from skillbox_core.storage.database import Database
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.skill_cache import SkillCache
from skillbox_core.storage.tables import ResolutionRow, SkillDigestRow, aware, now

OBJECT = "skill.zip"
_PUSH_ABANDONED = timedelta(hours=1)
"""How long a version is kept for a push that has begun: it may be uploading, or its process may be dead."""


@dataclass(frozen=True)
class Pushed:
    """A stored version; `new` is False when the same bytes were there already."""

    archive: SkillArchive
    new: bool


class Registry:
    """Skills in a bucket, with a local cache by content.

    Args:
        max_size: Bytes that an archive may have, packed and unpacked.
        max_entries: Entries that it may have.
    """

    def __init__(
        self, bucket: Bucket, database: Database, cache: SkillCache, max_size: int, max_entries: int = MAX_ENTRIES
    ) -> None:
        self._bucket = bucket
        self._database = database
        self._cache = cache
        self._max_size = max_size
        self._max_entries = max_entries

    @property
    def place(self) -> str:
        """Where the skills are: the installation's folder or bucket."""
        return self._bucket.place

    def push(self, tenant: str, path: Path) -> Pushed:
        """Checks an archive and stores it as the version it says it is.

        Raises:
            InvalidSkillError: The archive breaks a rule; nothing is stored.
            VersionExistsError: The version is there with other contents, or another push of it is under way.
            StorageError: It could not be stored; pushing it again is safe.
        """
        archive = inspect_new(path, self._max_size, self._max_entries)
        manifest = archive.manifest
        key = self._key(tenant, manifest.name, manifest.version)
        stored = self._bucket.size(key) is not None
        if stored and self._known(tenant, manifest.name, manifest.version) is None:
            # The database is newer than the store, or a delete broke off. What is stored was first.
            self._adopt(tenant, manifest.name, manifest.version, key)
        taken, ours = self._claim(tenant, manifest.name, manifest.version, archive.digest)
        if taken.digest != archive.digest:
            if stored:
                raise VersionExistsError(
                    f"{manifest.name}@{manifest.version} is there already with other contents; versions don't change",
                    hint="raise the version in SKILL.md",
                )
            abandoned = aware(taken.created_at) + _PUSH_ABANDONED
            if now() < abandoned:
                raise VersionExistsError(
                    f"another push of {manifest.name}@{manifest.version} has begun and not finished",
                    hint=f"try again after {abandoned:%H:%M} UTC",
                )
            self._forget(taken)
            return self.push(tenant, path)
        if not stored:
            try:
                self._bucket.put(archive.path, key)
            except BaseException:
                # Or nobody could push this version with other contents for as long as a push may take.
                if ours:
                    with suppress(DatabaseError):
                        self._forget(taken)
                raise
        return Pushed(archive, new=not stored)

    def tenants(self) -> list[str]:
        """Who has skills here."""
        return [name for name in self._bucket.names("") if is_tenant(name)]

    def skills(self, tenant: str) -> list[str]:
        """Names of a tenant's skills."""
        return self._bucket.names(check_tenant(tenant))

    def versions(self, tenant: str, name: str) -> list[str]:
        """Versions of a skill, highest first; empty when there is no such skill."""
        return [str(version) for version in self._versions(tenant, name)]

    def resolve(self, tenant: str, name: str, version: str, owner: str | None = None) -> str:
        """The version that a request means.

        Args:
            version: A version or a constraint (`skillbox_core.base.versions.Constraint`).
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
            known = self._database.first(
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
            InvalidSkillError: What is stored breaks a rule.
            ChangedObjectError: The stored object is not what was pushed.
            StorageError: It can't be fetched.
            DiskError: The cache is full, or can't be written.
        """
        key = self._key(tenant, name, version)
        known = self._known(tenant, name, version)
        cached = self._cache.get(known.digest) if known else None
        return cached or self._fetch(tenant, name, version, key)

    def again(self, tenant: str, name: str, version: str, digest: str) -> SkillArchive:
        """A version that was loaded before, which may have left the cache since; errors as for `load`.

        Raises:
            ChangedObjectError: It has other contents by now.
        """
        archive = self._cache.get(digest) or self.load(tenant, name, version)
        if archive.digest != digest:
            raise ChangedObjectError(f"{name}@{version} was deleted and pushed anew, changed, while this run waited")
        return archive

    def delete(self, tenant: str, name: str, version: str) -> None:
        """Removes a version, named in full, or what a push that broke off has left of it.

        Raises:
            SkillNotFoundError: There is neither.
        """
        key = self._key(tenant, name, version)
        known = self._known(tenant, name, version)
        if known is None:
            self._resolve(tenant, name, Constraint.parse(version))
        else:
            # First, for an object without a digest gets its own again, but a digest without its object is in the way.
            self._forget(known)
        self._bucket.delete(key)
        if known is not None:
            # A load that had fetched it before may have claimed the version again.
            self._forget(known)

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
                f"there is no version {constraint.text} of skill {name} in {self.place}",
                hint="there is " + ", ".join(map(str, versions[:5])),
            )
        near = get_close_matches(name, self.skills(tenant), n=1)
        raise SkillNotFoundError(
            f"there is no skill {name} for tenant {tenant} in {self.place}",
            hint=f"did you mean {near[0]}?" if near else "`skillbox skill list` shows what there is",
        )

    def _key(self, tenant: str, name: str, version: str) -> str:
        return f"{check_tenant(tenant)}/{check_skill(name)}/{check_version(version)}/{OBJECT}"

    def _adopt(self, tenant: str, name: str, version: str, key: str) -> None:
        try:
            self._fetch(tenant, name, version, key)
        except InvalidSkillError as error:
            raise VersionExistsError(
                f"something is stored as {name}@{version} already, and it is no skill: {error.message}",
                hint=f"`skillbox skill delete {name}@{version}` removes it",
            ) from error

    def _fetch(self, tenant: str, name: str, version: str, key: str) -> SkillArchive:
        with self._cache.draft() as draft:
            if (self._bucket.size(key) or 0) > self._max_size:
                raise InvalidSkillError(
                    f"the stored {name}@{version} is over this installation's limit for a skill",
                    hint="SKILLBOX_MAX_SKILL_SIZE",
                )
            try:
                self._bucket.get(key, draft)
            except FileNotFoundError as error:
                raise SkillNotFoundError(f"there is no version {version} of skill {name} in {self.place}") from error
            archive = inspect_archive(draft, self._max_size, self._max_entries)
            manifest = archive.manifest
            if (manifest.name, manifest.version) != (name, version):
                raise ChangedObjectError(
                    f"the object stored as {name}@{version} says it is {manifest.name}@{manifest.version}"
                )
            row, _ = self._claim(tenant, name, version, archive.digest)
            if row.digest != archive.digest:
                raise ChangedObjectError(f"the stored {name}@{version} is not what was pushed: its digest has changed")
            return self._cache.keep(draft, archive)

    def _known(self, tenant: str, name: str, version: str) -> SkillDigestRow | None:
        with self._database.session() as session:
            return session.get(SkillDigestRow, (tenant, name, version))

    def _claim(self, tenant: str, name: str, version: str, digest: str) -> tuple[SkillDigestRow, bool]:
        """The row of a version: this one, or the one that was first; and whether it is this one."""
        row = SkillDigestRow(tenant_id=tenant, skill_name=name, version=version, digest=digest, created_at=now())
        first = self._database.first(row, (tenant, name, version))
        return first, first is row

    def _forget(self, row: SkillDigestRow) -> None:
        """Frees a version, unless it has got another digest since this row was read."""
        with self._database.session() as session:
            session.execute(
                delete(SkillDigestRow).where(
                    col(SkillDigestRow.tenant_id) == row.tenant_id,
                    col(SkillDigestRow.skill_name) == row.skill_name,
                    col(SkillDigestRow.version) == row.version,
                    col(SkillDigestRow.digest) == row.digest,
                )
            )
