"""What a skill holds, without how it is packed: two archives of the same files have one digest here."""

from __future__ import annotations

import hashlib

from skillbox_core.skills.archive import SkillArchive


def contents_digest(archive: SkillArchive) -> str:
    """SHA-256 of the paths, modes and bytes of a skill's files, hex; times, order and compression are not in it."""
    whole = hashlib.sha256()
    for file in archive.files:
        one = hashlib.sha256()
        for chunk in archive.read(file):
            one.update(chunk)
        # No path has a line feed.
        whole.update(f"{file.path}\n{file.mode:o} {one.hexdigest()}\n".encode())
    return whole.hexdigest()
