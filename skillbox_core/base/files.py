"""Folders and files of this machine: made for this user alone, and why one can't be written."""

from __future__ import annotations

import errno
from pathlib import Path

from skillbox_core.errors import DiskError, InvalidRequestError, SkillboxError


def make_private(folder: Path) -> None:
    """Makes a folder, and those above it that are missing, for nobody but this user.

    Raises:
        OSError: It can't be made.
    """
    for missing in [each for each in (folder, *folder.parents) if not each.exists()][::-1]:
        missing.mkdir(mode=0o700, exist_ok=True)


def unwritable(place: Path, error: OSError) -> SkillboxError:
    """The error for a place that the caller chose to have something written to: wrongly, unless its disk is full."""
    kind = DiskError if error.errno in (errno.ENOSPC, errno.EDQUOT) else InvalidRequestError
    return kind(f"{place} can't be written: {error.strerror}")
