"""Skills as they are read: which there are, which version a request means, and its checked archive.

The bucket says which versions there are. The database says what their bytes must be, from the moment a
version was first seen: so an object that was swapped later is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from skillbox_core.base.meant import name_meant
from skillbox_core.base.names import check_skill, check_tenant, is_tenant
from skillbox_core.base.versions import Constraint, Version, check_version
from skillbox_core.errors import ChangedObjectError, InvalidSkillError, SkillNotFoundError, VersionExistsError
from skillbox_core.storage.database import Database
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.skill_cache import SkillCache
from skillbox_core.storage.skill_records import SkillRecords
from skillbox_core.storage.tables import ResolutionRow, SkillDigestRow, now

if TYPE_CHECKING:
    from skillbox_core.skills.archive import SkillArchive

OBJECT = "skill.zip"
MAX_ANSWERS = 1_000
"""Versions that a process remembers of those that it gave to owners; one that is forgotten is read again."""


class StoredSkills:
    """Skills in a bucket, with a local cache by content.

    Args:
        max_size: Bytes that an archive may have, packed and unpacked.
        max_entries: Entries that it may have.
    """

    def __init__(self, bucket: Bucket, database: Database, cache: SkillCache, max_size: int, max_entries: int) -> None:
        self._bucket = bucket
        self._database = database
        self._records = SkillRecords(database)
        self._cache = cache
        self._max_size = max_size
        self._max_entries = max_entries
        self._answers: dict[tuple[str, ...], str] = {}

    @property
    def place(self) -> str:
        """Where the skills are: the installation's folder or bucket."""
        return self._bucket.place

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
        if answer := self._answers.get(key):
            return answer
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
        if len(self._answers) >= MAX_ANSWERS:
            self._answers.clear()
        self._answers[key] = known.version
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
        known = self._records.known(tenant, name, version)
        cached = self._cache.get(known.digest) if known else None
        return kept(cached, name, version) if cached else self._fetch(tenant, name, version, key)

    def again(self, tenant: str, name: str, version: str, digest: str) -> SkillArchive:
        """A version that was loaded before, which may have left the cache since; errors as for `load`.

        Raises:
            ChangedObjectError: It has other contents by now.
        """
        cached = self._cache.get(digest)
        archive = kept(cached, name, version) if cached else self.load(tenant, name, version)
        if archive.digest != digest:
            raise ChangedObjectError(f"{name}@{version} was deleted and pushed anew, changed, while this run waited")
        return archive

    def record(self, tenant: str, name: str, version: str) -> SkillDigestRow | None:
        """What is known of a version beside its bytes: its source."""
        return self._records.known(check_tenant(tenant), check_skill(name), version)

    def _versions(self, tenant: str, name: str) -> list[Version]:
        stored = self._bucket.sizes(f"{check_tenant(tenant)}/{check_skill(name)}")
        return list(versions_of(stored).get(name, ()))

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
        meant = name_meant(name, self.skills(tenant))
        raise SkillNotFoundError(
            f"there is no skill {name} for tenant {tenant} in {self.place}",
            hint=f"did you mean {meant}?" if meant else "`skillbox skill list` shows what there is",
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
        with self._read(tenant, name, version, key) as (archive, _):
            return kept(self._cache.keep(archive.path, archive), name, version)

    @contextmanager
    def _read(self, tenant: str, name: str, version: str, key: str) -> Iterator[tuple[SkillArchive, bool]]:
        """A stored version, checked, in a draft of the cache that goes unless it is kept; and if it was unknown."""
        # A list that opens no archive loads nothing that reads one.
        from skillbox_core.skills.archive import inspect_archive

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
            archive = kept(inspect_archive(draft, self._max_size, self._max_entries), name, version)
            row, new = self._records.claim(tenant, archive)
            if row.digest != archive.digest:
                raise ChangedObjectError(f"the stored {name}@{version} is not what was pushed: its digest has changed")
            yield archive, new


def versions_of(sizes: Mapping[str, int]) -> dict[str, dict[Version, int]]:
    """The skills among objects: for each name its versions, highest first, and the bytes of their archives. Pure.

    Args:
        sizes: Bytes of the objects of one tenant, by key.
    """
    found: dict[str, dict[Version, int]] = {}
    for key, size in sizes.items():
        _, name, *rest = key.split("/")
        if len(rest) == 2 and rest[1] == OBJECT and (version := Version.parse(rest[0])):
            found.setdefault(name, {})[version] = size
    return {name: dict(sorted(versions.items(), reverse=True)) for name, versions in sorted(found.items())}


def kept(archive: SkillArchive, name: str, version: str) -> SkillArchive:
    """The archive under the name and the version that it is stored as.

    Raises:
        ChangedObjectError: It says it is another one.
    """
    named = archive.kept_as(name, version)
    if named is None:
        manifest = archive.manifest
        raise ChangedObjectError(f"the object stored as {name}@{version} says it is {manifest.name}@{manifest.version}")
    return named
