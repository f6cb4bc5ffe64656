"""An archive that somebody else made, with its packages locked as those of a folder are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills import dependencies
from skillbox_core.skills.archive import LOCK, NOT_LOCKED, SkillArchive
from skillbox_core.skills.overlaid import with_file
from skillbox_core.skills.source_files import Locker, check_npm, find_packages, make_lock


def locked(
    archive: SkillArchive, scratch: Path, max_size: int, max_entries: int, locker: Locker, *, prepare: bool = True
) -> SkillArchive:
    """The archive itself where its lock is one of what it asks for; else one of the same files with a lock.

    Args:
        archive: A checked one.
        scratch: An empty folder, for what is made.
        prepare: Whether packages are locked; else what would be asked for is checked only.

    Raises:
        InvalidSkillError: It asks for what can't be prepared.
    """
    folder = scratch / "unpacked"
    try:
        _unpack(archive, folder)
    except OSError as error:
        raise InvalidSkillError(f"its packages can't be looked for: {error.strerror}, in {scratch}") from None
    names = {file.path: file.path for file in archive.files}
    found = find_packages(folder, archive.manifest, names)
    check_npm(found, archive.manifest, names)
    asked = found.source is not None
    made = archive
    if prepare:
        lock, found = make_lock(folder, archive.manifest, names, found, locker)
        if lock is not None and lock != dependencies.read_text(folder / LOCK):
            made = with_file(archive, LOCK, lock.encode(), scratch / "locked.zip", max_size, max_entries)
    known = dict.fromkeys((*archive.warnings, *made.warnings, *found.warnings))
    return replace(made, warnings=tuple(warning for warning in known if not (asked and warning == NOT_LOCKED)))


def _unpack(archive: SkillArchive, folder: Path) -> None:
    for file in archive.files:
        # Its path was checked when the archive was.
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as unpacked:
            for chunk in archive.read(file):
                unpacked.write(chunk)
