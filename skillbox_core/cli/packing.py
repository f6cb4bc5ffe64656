"""From what a user names to an archive, with what there is to say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from skillbox_core.cli.output import note

if TYPE_CHECKING:
    from skillbox_core.skills.archive import SkillArchive
    from skillbox_core.skills.manifest import Manifest
    from skillbox_core.skills.source_files import Locker, Source

_NAMED = 8
"""Packages of a lock that are named; there may be a hundred."""


def skills_of(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The folders of all skills in folders that have several, and sentences on those that would be one skill.

    Raises:
        InvalidSkillError: A folder can't be looked through.
    """
    from skillbox_core.skills.discovery import find_skills

    found: list[Path] = []
    clashes: list[str] = []
    named: dict[str, Path] = {}
    for path in paths:
        skills = find_skills(path) if path.is_dir() else []
        if not skills:
            found.append(path)
        for skill in skills:
            first = named.setdefault(skill.name, skill.folder) if skill.name else skill.folder
            if first == skill.folder:
                found.append(skill.folder)
            else:
                # The second would become the next version of the first.
                clashes.append(f"{skill.folder}: it would be kept as {skill.name}, as {first} is: push one of them")
    return found, clashes


def locker(tenant: str, name: str | None = None) -> Locker:
    """Locks packages with the parts of this installation, which are made only for a skill that needs some.

    Args:
        name: Under which the skill will be kept, where that is not what SKILL.md says.
    """

    def lock(manifest: Manifest, source: Source, beside: str | None) -> str:
        from skillbox_core.installation import Installation
        from skillbox_core.settings import load_settings

        # A skill can be packaged where nobody has made an installation.
        environments = Installation.from_settings(load_settings()).environments
        manifest = replace(manifest, name=name or manifest.name)
        return environments.locker(tenant, lambda said: note(f"{manifest.name}: {said}"))(manifest, source, beside)

    return lock


def tell_environment(archive: SkillArchive) -> None:
    """Says which packages were locked."""
    from skillbox_core.skills.environment_lock import lock_of
    from skillbox_core.skills.node_lock import node_lock_of

    if node := node_lock_of(archive):
        more = node.count - len(node.named[:_NAMED])
        named = ", ".join(node.named[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        note(f"{archive.manifest.name}: {named} by {node.path}, locked for every Node")
    elif lock := lock_of(archive):
        more = len(lock.pins) - _NAMED
        named = ", ".join(pin.exact for pin in lock.pins[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        note(f"{archive.manifest.name}: {named or 'no packages'} by {lock.path}, locked for Python {lock.python}")


def archive_of(
    path: Path,
    scratch: Path,
    *,
    prepare: bool = True,
    tenant: str = "default",
    name: str | None = None,
    overlay: bytes | None = None,
) -> SkillArchive:
    """A checked archive: of a folder, which is packaged, or as it is, but for the lock of its packages.

    Args:
        scratch: A folder for what is made.
        prepare: Whether packages are locked.
        name: As for `locker`.
        overlay: An overlay for it, in place of one that it has.
    """
    from skillbox_core.errors import InvalidRequestError
    from skillbox_core.settings import load_settings
    from skillbox_core.skills.locked import locked
    from skillbox_core.skills.overlaid import overlaid
    from skillbox_core.skills.package import package as make
    from skillbox_core.skills.scripts import inspect_new

    settings = load_settings()
    size, entries = settings.max_skill_size, settings.max_skill_files
    if path.is_dir():
        target = scratch / "skill.zip"
        lock = locker(tenant, name)
        return make(path, target, size, max_entries=entries, prepare=prepare, locker=lock, overlay=overlay)
    if not path.is_file():
        raise InvalidRequestError(f"{path} is neither a skill's folder nor an archive")
    archive = inspect_new(path, size, entries)
    if overlay is not None:
        archive = overlaid(archive, overlay, scratch / "overlaid.zip", size, entries)
    return locked(archive, scratch, size, entries, locker(tenant, name), prepare=prepare)


def read_overlay(file: Path | None, skills: int = 1) -> bytes | None:
    """The bytes of an overlay's file; None for none.

    Args:
        skills: For how many skills it is given.

    Raises:
        InvalidRequestError: It can't be read, or is for more than one.
    """
    from skillbox_core.errors import InvalidRequestError
    from skillbox_core.skills.overlay import MAX_OVERLAY

    if file is None:
        return None
    if skills != 1:
        raise InvalidRequestError(f"--overlay {file} is for one skill, and there are {skills}")
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_OVERLAY + 1)
    except OSError as error:
        raise InvalidRequestError(f"the overlay {file} can't be read: {error.strerror}") from None


def warn(archive: SkillArchive) -> None:
    """Says what keeps nobody from storing the skill, and may surprise its author."""
    for warning in archive.warnings:
        note(f"warning: {archive.manifest.name}: {warning}")


def warn_of_image(archive: SkillArchive) -> None:
    """Says that the skill's image is not allowed here, which else its first run would say."""
    from skillbox_core.errors import ImageNotAllowedError
    from skillbox_core.sandbox.allowlist import image_of
    from skillbox_core.settings import load_settings
    from skillbox_core.skills.entry import has_something_to_run

    settings = load_settings()
    if has_something_to_run(archive):
        try:
            image_of(settings, archive, archive.lang)
        except ImageNotAllowedError as error:
            note(f"warning: {archive.manifest.name}: {error}")
