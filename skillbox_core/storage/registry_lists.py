"""Skills as they are listed: storage says which there are, the database what to say of them.

No archive is opened for a skill of which the database knows what lists say. Where it does not, because a Skillbox of
before stored it, or somebody else did, the archive is read once. What runs is decided by the archive and its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from skillbox_core.base.names import SKILL_NAME_RULE, check_tenant, is_skill_name, shown
from skillbox_core.base.versions import Constraint, Version
from skillbox_core.errors import InvalidRequestError, SkillboxError
from skillbox_core.skills.listing import facts_of, files_of
from skillbox_core.storage.registry_reads import StoredSkills, versions_of
from skillbox_core.storage.skill_records import Listing

Paths = list[str]
_LATEST = Constraint.parse("")


@dataclass(frozen=True)
class ListedSkill:
    """A skill in a list, by the version that `latest` means.

    Attributes:
        facts: See `skillbox_core.skills.listing.facts_of`.
        versions: All that are stored, highest first.
        files: Paths in the version; None where they were not asked for.
    """

    facts: dict[str, Any]
    versions: tuple[str, ...]
    files: Paths | None = None


@dataclass(frozen=True)
class SkillPage:
    """Some of a tenant's skills, in the order of their names.

    Attributes:
        failed: Names of those of which nothing could be read, and why.
        next: What the page behind this one comes after; None where this is the last one.
    """

    skills: tuple[ListedSkill, ...]
    failed: tuple[tuple[str, SkillboxError], ...]
    next: str | None


class SkillLists(StoredSkills):
    """Lists of a tenant's skills, and what they are read from."""

    def list(
        self,
        tenant: str,
        *,
        limit: int = 100,
        after: str | None = None,
        files: bool = False,
        unread: Callable[[int], None] | None = None,
    ) -> SkillPage:
        """A page of a tenant's skills.

        Args:
            limit: Skills of a page.
            after: The name that the page before ended with, or any other that a skill may have.
            files: With their files.
            unread: Is told how many archives must be read, before they are.

        Raises:
            InvalidRequestError: No skill may have the name that it is to come after.
            StorageError: Storage can't be listed.
            DatabaseError: The database failed.
        """
        stored = self._all(tenant)
        # What is stored under an impossible name is on a page, as a failure, and may be its last.
        if after is not None and after not in stored and not is_skill_name(after):
            raise InvalidRequestError(
                f"no page comes after {shown(after)}, which can't be a skill's name",
                hint=f"take the name that the page before ended with, or another: {SKILL_NAME_RULE}",
            )
        names = [name for name in stored if after is None or name > after]
        page = names[:limit]
        latest = {name: (best, stored[name][best]) for name in page if (best := _LATEST.best(stored[name]))}
        known = self._records.listings(tenant, ((name, str(best)) for name, (best, _) in latest.items()), files=files)
        missing = {name for name, (best, size) in latest.items() if _size(known.get((name, str(best)))) != size}
        if missing and unread:
            unread(len(missing))
        skills, failed = [], []
        for name, (best, _) in latest.items():
            versions = tuple(map(str, stored[name]))
            if name not in missing:
                listing = known[name, str(best)]
                skills.append(ListedSkill(listing.facts, versions, listing.files))
                continue
            try:
                facts, paths = self._index(tenant, name, str(best))
            except SkillboxError as error:
                failed.append((name, error))
            else:
                skills.append(ListedSkill(facts, versions, paths if files else None))
        return SkillPage(tuple(skills), tuple(failed), page[-1] if len(names) > limit else None)

    def stored(self, tenant: str) -> tuple[tuple[str, str], ...]:
        """Name and version of each that is stored."""
        return tuple((name, str(version)) for name, versions in self._all(tenant).items() for version in versions)

    def index(self, tenant: str, versions: Iterable[tuple[str, str]]) -> Iterator[SkillboxError | None]:
        """Reads archives anew, and keeps what lists say of them: for each in turn why it can't be, or None.

        Args:
            versions: As `stored` gives them.
        """
        for name, version in versions:
            try:
                self._index(tenant, name, version)
            except SkillboxError as error:
                yield error
            else:
                yield None

    def drop(self, tenant: str) -> int:
        """Drops what lists say of versions that storage has no more, such as those that were removed behind our back.

        Returns:
            How many there were.
        """
        # First what is listed, then what is stored: what is pushed between the two is in the second.
        listed = self._records.listed(check_tenant(tenant))
        stored = set(self.stored(tenant))
        gone = {version: digest for version, digest in listed.items() if version not in stored}
        self._records.unlist(tenant, gone)
        return len(gone)

    def all_tenants(self) -> tuple[str, ...]:
        """Who has skills here, and of whose skills lists say something."""
        return tuple(sorted({*self.tenants(), *self._records.tenants()}))

    def _all(self, tenant: str) -> dict[str, dict[Version, int]]:
        return versions_of(self._bucket.sizes(check_tenant(tenant)))

    def _index(self, tenant: str, name: str, version: str) -> tuple[dict[str, Any], Paths]:
        with self._read(tenant, name, version, self._key(tenant, name, version)) as (archive, new):
            if not new:  # else it has just been written
                self._records.describe(tenant, archive)
            return facts_of(archive), files_of(archive)


def _size(listing: Listing | None) -> int | None:
    return listing.size if listing else None
