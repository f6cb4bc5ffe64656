"""What the database knows of stored versions: whose bytes they must be, where they came from, what lists say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Select, delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from skillbox_core.skills.listing import FORM, facts_of, files_of
from skillbox_core.storage.database import Database
from skillbox_core.storage.tables import SkillDigestRow, SkillListingRow, now

if TYPE_CHECKING:
    from skillbox_core.skills.archive import SkillArchive
    from skillbox_core.skills.origin import Origin

PUSH_ABANDONED = timedelta(hours=1)
"""How long a version is kept for a push that has begun: it may be uploading, or its process may be dead."""
_AT_ONCE = 200
"""Versions that are asked for in one statement."""
_OF_THE_SAME = (
    (col(SkillDigestRow.tenant_id) == SkillListingRow.tenant_id)
    & (col(SkillDigestRow.skill_name) == SkillListingRow.skill_name)
    & (col(SkillDigestRow.version) == SkillListingRow.version)
    & (col(SkillDigestRow.digest) == SkillListingRow.digest)
)


@dataclass(frozen=True)
class Listing:
    """What is kept of a version for lists.

    Attributes:
        size: Bytes of its archive.
        facts: See `skillbox_core.skills.listing.facts_of`.
        files: Its paths; None where they were not asked for.
    """

    size: int
    facts: dict[str, Any]
    files: list[str] | None = None


class SkillRecords:
    """The tables `skill_digests` and `skill_listings`.

    A row of the first is there from the moment a version was first seen, and never changes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, tenant: str, name: str, version: str) -> SkillDigestRow | None:
        """The row of a version."""
        with self._database.session() as session:
            return session.get(SkillDigestRow, (tenant, name, version))

    def all(self, tenant: str, name: str) -> dict[str, SkillDigestRow]:
        """The rows of a skill by version, those of pushes that are under way or broke off among them."""
        wanted = select(SkillDigestRow).where(SkillDigestRow.tenant_id == tenant, SkillDigestRow.skill_name == name)
        with self._database.session() as session:
            return {row.version: row for row in session.exec(wanted)}

    def claim(
        self, tenant: str, archive: SkillArchive, *, contents: str | None = None, origin: Origin | None = None
    ) -> tuple[SkillDigestRow, bool]:
        """The row of a version: this one, or the one that was first; and whether it is this one, with its listing.

        Args:
            archive: Under the name and the version that it is stored as. What lists say of it is kept with its row.
        """
        name, version = archive.manifest.name, archive.manifest.version
        row = SkillDigestRow(
            tenant_id=tenant,
            skill_name=name,
            version=version,
            digest=archive.digest,
            runnable=archive.entrypoint is not None,
            contents=contents,
            source_folder=origin.folder if origin else None,
            source_commit=origin.commit if origin else None,
            created_at=now(),
        )
        try:
            with self._database.session(make=True) as session:
                session.add(row)
                session.flush()
                # What a delete has left of an earlier one of this name goes.
                session.merge(_listing_row(tenant, archive))
        except IntegrityError:
            with self._database.session() as session:
                return session.get_one(SkillDigestRow, (tenant, name, version)), False
        return row, True

    def describe(self, tenant: str, archive: SkillArchive) -> None:
        """Keeps what lists say of a version, which was read from its archive just now, if it is still that one."""
        key = tenant, archive.manifest.name, archive.manifest.version
        # Another process may have read the same at the same time.
        with suppress(IntegrityError), self._database.session(make=True) as session:
            known = session.get(SkillDigestRow, key, with_for_update=True)
            if known is not None and known.digest == archive.digest:
                session.merge(_listing_row(tenant, archive))

    def listings(
        self, tenant: str, versions: Iterable[tuple[str, str]], *, files: bool = False
    ) -> dict[tuple[str, str], Listing]:
        """What is kept for lists of versions of skills, where it is of their present digest and form.

        Args:
            versions: Name and version of each.
            files: With their files.
        """
        found: dict[tuple[str, str], Listing] = {}
        with self._database.session() as session:
            for part in _parts(versions):
                wanted = set(part)
                for name, version, size, facts, *paths in session.execute(_wanted(tenant, part, files=files)):
                    if (name, version) in wanted:
                        found[name, version] = Listing(size, json.loads(facts), json.loads(paths[0]) if paths else None)
        return found

    def listed(self, tenant: str) -> dict[tuple[str, str], str]:
        """The digest of each version of which something is kept for lists, without those that may be being pushed."""
        wanted = (
            sqlalchemy.select(
                col(SkillListingRow.skill_name), col(SkillListingRow.version), col(SkillListingRow.digest)
            )
            .outerjoin(SkillDigestRow, _OF_THE_SAME)
            .where(
                col(SkillListingRow.tenant_id) == tenant,
                # A push claims a version before it uploads it.
                col(SkillDigestRow.created_at).is_(None) | (col(SkillDigestRow.created_at) < now() - PUSH_ABANDONED),
            )
        )
        with self._database.session() as session:
            return {(name, version): digest for name, version, digest in session.execute(wanted)}

    def tenants(self) -> set[str]:
        """Of whose skills something is kept for lists."""
        with self._database.session() as session:
            return set(session.execute(sqlalchemy.select(col(SkillListingRow.tenant_id)).distinct()).scalars())

    def unlist(self, tenant: str, gone: Mapping[tuple[str, str], str]) -> None:
        """Drops what is kept of versions for lists, of those that have had another digest since excepted.

        What their bytes must be stays known: another store on this database may have them, or get them back.

        Args:
            gone: As `listed` gives them.
        """
        with self._database.session() as session:
            for (name, version), digest in gone.items():
                session.execute(
                    delete(SkillListingRow).where(
                        col(SkillListingRow.tenant_id) == tenant,
                        col(SkillListingRow.skill_name) == name,
                        col(SkillListingRow.version) == version,
                        col(SkillListingRow.digest) == digest,
                    )
                )

    def forget(self, row: SkillDigestRow) -> None:
        """Frees a version, unless it has got another digest since this row was read."""
        with self._database.session() as session:
            for table in (SkillDigestRow, SkillListingRow):
                session.execute(
                    delete(table).where(
                        col(table.tenant_id) == row.tenant_id,
                        col(table.skill_name) == row.skill_name,
                        col(table.version) == row.version,
                        col(table.digest) == row.digest,
                    )
                )


def _listing_row(tenant: str, archive: SkillArchive) -> SkillListingRow:
    return SkillListingRow(
        tenant_id=tenant,
        skill_name=archive.manifest.name,
        version=archive.manifest.version,
        digest=archive.digest,
        size=archive.path.stat().st_size,
        form=FORM,
        facts=json.dumps(facts_of(archive)),
        files=json.dumps(files_of(archive)),
    )


def _wanted(tenant: str, versions: list[tuple[str, str]], *, files: bool) -> Select[Any]:
    """The rows of these, and a few more: SQLite looks up no pairs by an index, but all of some names and versions."""
    key = col(SkillListingRow.skill_name), col(SkillListingRow.version)
    more = [col(SkillListingRow.files)] if files else []
    return (
        sqlalchemy.select(*key, col(SkillListingRow.size), col(SkillListingRow.facts), *more)
        .join(SkillDigestRow, _OF_THE_SAME)
        .where(
            col(SkillListingRow.tenant_id) == tenant,
            col(SkillListingRow.form) == FORM,
            key[0].in_({name for name, _ in versions}),
            key[1].in_({version for _, version in versions}),
        )
    )


def _parts(versions: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    # By version, so that few of a part's skills have another one's version too.
    left = iter(sorted(versions, key=lambda each: each[1]))
    while part := list(islice(left, _AT_ONCE)):
        yield part
