"""The registry: skills by tenant, name and version, under `{tenant}/{skill}/{version}/skill.zip`.

The bucket says which versions there are. The database says what their bytes must be, from the moment a
version was first seen: so of two pushes at once one wins, and an object that was swapped later is noticed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from skillbox_core.base.names import check_skill, check_tenant, shown
from skillbox_core.base.versions import Constraint, Version, next_version
from skillbox_core.errors import (
    ChangedObjectError,
    DatabaseError,
    InvalidRequestError,
    InvalidSkillError,
    SkillNotFoundError,
    VersionExistsError,
)
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.contents import contents_digest
from skillbox_core.storage.registry_lists import SkillLists
from skillbox_core.storage.registry_reads import kept
from skillbox_core.storage.skill_records import PUSH_ABANDONED
from skillbox_core.storage.tables import SkillDigestRow, aware, now

if TYPE_CHECKING:
    from skillbox_core.skills.origin import Origin


@dataclass(frozen=True)
class Pushed:
    """A stored version; `new` is False when the same bytes were there already.

    Attributes:
        note: What there is to say of its number, where SKILL.md says none.
    """

    archive: SkillArchive
    new: bool
    note: str | None = None


@dataclass(frozen=True)
class _Push:
    """What is pushed: an archive under the name and the version that it will be kept as.

    Attributes:
        named: Whether somebody has said its name; else it was made of one that is no slug.
    """

    tenant: str
    archive: SkillArchive
    contents: str
    origin: Origin | None
    named: bool

    def at(self, version: str) -> _Push:
        return replace(self, archive=kept(self.archive, self.archive.manifest.name, version))


class Registry(SkillLists):
    """What `StoredSkills` and `SkillLists` read, and the only writes to it."""

    def push(
        self,
        tenant: str,
        path: Path,
        *,
        name: str | None = None,
        version: str | None = None,
        origin: Origin | None = None,
    ) -> Pushed:
        """Checks an archive and stores it as the version it says it is, or as the next patch where it says none.

        Args:
            name: For a skill whose own name is no slug, or the same as its own.
            version: For a skill that has none, or the same as its own.
            origin: Where it was found.

        Raises:
            InvalidSkillError: The archive breaks a rule; nothing is stored.
            InvalidRequestError: The tenant is no name, or the archive has another name or version than the given ones.
            VersionExistsError: The version is there with other contents, or another push of it is under way. Or the
                name is made of one that is no slug, and a skill of another source has it.
            StorageError: It could not be stored; pushing it again is safe.
        """
        # Only what is new is held against all rules: locks of packages too, whose grammar takes long to load.
        from skillbox_core.skills.scripts import inspect_new

        check_tenant(tenant)
        archive = inspect_new(path, self._max_size, self._max_entries)
        manifest = archive.manifest
        wanted = check_skill(name or manifest.name), version or manifest.version
        named = archive.kept_as(*wanted)
        if named is None:
            raise InvalidRequestError(
                f"SKILL.md says {manifest.name}@{manifest.version}, so it can't be stored as {'@'.join(wanted)}",
                hint="change SKILL.md, or leave its name and version to it",
            )
        push = _Push(tenant, named, contents_digest(named), origin, named=manifest.has_name or name is not None)
        if manifest.has_version or version:
            if not push.named:
                self._check_source(push, self._records.all(tenant, wanted[0]))
            return self._store(push)
        while True:
            rows = self._records.all(tenant, wanted[0])
            stored = self.versions(tenant, wanted[0])
            latest = str(Constraint.parse("").best(filter(None, map(Version.parse, stored))) or "")
            if same := self._find(push, stored, rows):
                pushed = self._store(push.at(same))
                return replace(pushed, note=f"the highest version is {latest}") if latest not in ("", same) else pushed
            if not push.named:
                self._check_source(push, rows)
            following = str(next_version(filter(None, map(Version.parse, {*stored, *rows}))))
            # Where another push takes the number meanwhile, there is a next one.
            with suppress(VersionExistsError):
                return replace(self._store(push.at(following)), note=_told(push, latest, rows.get(latest)))

    def _find(self, push: _Push, stored: list[str], rows: dict[str, SkillDigestRow]) -> str | None:
        """The version that has these contents already, or is being given them."""
        name = push.archive.manifest.name
        for version in dict.fromkeys([*stored, *rows]):
            row = rows.get(version)
            contents = row.contents if row else None
            if contents is None and version in stored:
                # Of a version that can't be read no more is known than that it is there.
                with suppress(InvalidSkillError, ChangedObjectError, SkillNotFoundError):
                    contents = contents_digest(self.load(push.tenant, name, version))
            if contents == push.contents or (row and row.digest == push.archive.digest):
                return version
        return None

    def _check_source(self, push: _Push, rows: dict[str, SkillDigestRow]) -> None:
        """Refuses a name that was made of another one, where a skill from elsewhere has it."""
        manifest = push.archive.manifest
        there = {*rows, *self.versions(push.tenant, manifest.name)}
        if not there or any(row.contents == push.contents for row in rows.values()):
            return
        newest = rows.get(str(max(filter(None, map(Version.parse, there)))))
        folder = newest.source_folder if newest else None
        if push.origin is None or folder != push.origin.folder:
            raise VersionExistsError(
                f"{shown(manifest.stated_name)} would be kept as {manifest.name}, and a skill of that name from "
                f"another source is there ({folder or 'it is not known which'})",
                hint=f"`--name {manifest.name}` stores it as that one's next version, `--name OTHER` beside it",
            )

    def _store(self, push: _Push) -> Pushed:
        tenant, archive = push.tenant, push.archive
        manifest = archive.manifest
        key = self._key(tenant, manifest.name, manifest.version)
        stored = self._bucket.size(key) is not None
        if stored and self._records.known(tenant, manifest.name, manifest.version) is None:
            # The database is newer than the store, or a delete broke off. What is stored was first.
            self._adopt(tenant, manifest.name, manifest.version, key)
        taken, ours = self._records.claim(tenant, archive, contents=push.contents, origin=push.origin)
        if taken.digest != archive.digest:
            if stored and not manifest.has_version and taken.contents in (None, push.contents):
                # Packed otherwise, the same files.
                there = self.load(tenant, manifest.name, manifest.version)
                if contents_digest(there) == push.contents:
                    return Pushed(there, new=False)
            if stored:
                raise VersionExistsError(
                    f"{manifest.name}@{manifest.version} is there already with other contents; versions don't change",
                    hint="raise the version in SKILL.md",
                )
            abandoned = aware(taken.created_at) + PUSH_ABANDONED
            if now() < abandoned:
                raise VersionExistsError(
                    f"another push of {manifest.name}@{manifest.version} has begun and not finished",
                    hint=f"try again after {abandoned:%H:%M} UTC",
                )
            self._records.forget(taken)
            return self._store(push)
        if not stored:
            try:
                self._bucket.put(archive.path, key)
            except BaseException:
                # Or nobody could push this version with other contents for as long as a push may take.
                if ours:
                    with suppress(DatabaseError):
                        self._records.forget(taken)
                raise
        return Pushed(archive, new=not stored)

    def delete(self, tenant: str, name: str, version: str) -> None:
        """Removes a version, named in full, or what a push that broke off has left of it.

        Raises:
            SkillNotFoundError: There is neither.
        """
        key = self._key(tenant, name, version)
        known = self._records.known(tenant, name, version)
        if known is None:
            self._resolve(tenant, name, Constraint.parse(version))
        else:
            # First, for an object without a digest gets its own again, but a digest without its object is in the way.
            self._records.forget(known)
        self._bucket.delete(key)
        if known is not None:
            # A load that had fetched it before may have claimed the version again.
            self._records.forget(known)


def _told(push: _Push, latest: str, row: SkillDigestRow | None) -> str | None:
    """Why a version has its number, and whether its forerunner came from elsewhere."""
    if not latest:
        return None
    name = push.archive.manifest.name
    told = f"SKILL.md says no version, and {name}@{latest} has other contents: this is the next patch"
    if row and row.source_folder and push.origin and row.source_folder != push.origin.folder:
        told += f"; that one came from {row.source_folder}"
    return told
