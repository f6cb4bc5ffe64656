"""A file put into an archive that somebody else made: an overlay, or a lock."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

from skillbox_core.skills.archive import MAX_ENTRIES, SkillArchive
from skillbox_core.skills.overlay import OVERLAY
from skillbox_core.skills.scripts import inspect_new

_EPOCH = (1980, 1, 1, 0, 0, 0)


def overlaid(
    archive: SkillArchive, overlay: bytes, target: Path, max_size: int, max_entries: int = MAX_ENTRIES
) -> SkillArchive:
    """A new archive of the same files and the overlay, in place of one that it has. The same two give the same bytes.

    Args:
        archive: A checked one.
        target: The zip to write.

    Raises:
        InvalidSkillError: The overlay breaks a rule, or the archive does with it.
    """
    return with_file(archive, OVERLAY, overlay, target, max_size, max_entries)


def with_file(
    archive: SkillArchive, path: str, data: bytes, target: Path, max_size: int, max_entries: int
) -> SkillArchive:
    """As `overlaid`, for any file."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made:
        for file in archive.files:
            if file.path != path:
                info = _entry(file.path, file.mode)
                info.file_size = file.size
                with made.open(info, "w") as packed:
                    for chunk in archive.read(file):
                        packed.write(chunk)
        made.writestr(_entry(path, 0o644), data)
    return inspect_new(target, max_size, max_entries)


def _entry(path: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, _EPOCH)
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
