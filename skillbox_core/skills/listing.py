"""What lists say of a skill without opening its archive. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skillbox_core.skills.archive import SkillArchive

FORM = 1
"""Of these facts. It is raised when they change; what is kept in another form is read from the archive again."""


def facts_of(archive: SkillArchive) -> dict[str, object]:
    """A skill's name and version, and what it says of itself in a few words; its files are `files_of`."""
    from skillbox_core.skills.entry import what_it_has

    manifest = archive.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "lang": archive.lang,
        "runnable": archive.entrypoint is not None,
        "entrypoint": what_it_has(archive),
        "image": manifest.image or "",
        "timeout": manifest.timeout or "",
        "cpu": manifest.resources.cpu or "",
        "memory": manifest.resources.memory or "",
        "license": manifest.license or "",
        "requires": list(archive.overlay.requires),
        "digest": archive.digest,
    }


def files_of(archive: SkillArchive) -> list[str]:
    """The paths of its files."""
    return [file.path for file in archive.files]
