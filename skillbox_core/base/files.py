"""Folders of this machine that hold what skills were given and have made."""

from __future__ import annotations

from pathlib import Path


def make_private(folder: Path) -> None:
    """Makes a folder, and those above it that are missing, for nobody but this user.

    Raises:
        OSError: It can't be made.
    """
    for missing in [each for each in (folder, *folder.parents) if not each.exists()][::-1]:
        missing.mkdir(mode=0o700, exist_ok=True)
