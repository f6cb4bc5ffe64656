"""What the database knows of stored versions: whose bytes they must be, and where they came from."""

from __future__ import annotations

from sqlalchemy import delete
from sqlmodel import col, select

from skillbox_core.skills.origin import Origin
from skillbox_core.storage.database import Database
from skillbox_core.storage.tables import SkillDigestRow, now


class SkillRecords:
    """The table `skill_digests`. A row is there from the moment a version was first seen, and never changes."""

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
        self,
        tenant: str,
        name: str,
        version: str,
        digest: str,
        *,
        runnable: bool | None = None,
        contents: str | None = None,
        origin: Origin | None = None,
    ) -> tuple[SkillDigestRow, bool]:
        """The row of a version: this one, or the one that was first; and whether it is this one."""
        row = SkillDigestRow(
            tenant_id=tenant,
            skill_name=name,
            version=version,
            digest=digest,
            runnable=runnable,
            contents=contents,
            source_folder=origin.folder if origin else None,
            source_commit=origin.commit if origin else None,
            created_at=now(),
        )
        first = self._database.first(row, (tenant, name, version))
        return first, first is row

    def forget(self, row: SkillDigestRow) -> None:
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
