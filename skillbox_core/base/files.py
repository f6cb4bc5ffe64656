"""Folders and files of this machine: made for this user alone, listed, and why one can't be written."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
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


_DEPTH = 4
"""Folders below each other that are listed, as keys have them; so that links in a circle come to an end."""


def sizes_below(folder: str) -> dict[str, int]:
    """The files below a folder by their paths from there, with their bytes; none where there is no such folder.

    Links are followed, as they are where a file is opened. A name that begins with a dot, of a file or of a folder, is
    passed over with all that is in it.

    Raises:
        OSError: A folder can't be read.
    """
    sizes: dict[str, int] = {}
    for parent, folders, names in os.walk(folder, onerror=_unless_gone, followlinks=True):
        deeper = parent.count("/", len(folder)) < _DEPTH
        folders[:] = [name for name in folders if deeper and not name.startswith(".")]
        for name in names:
            path = f"{parent}/{name}"
            # Others delete meanwhile.
            with suppress(FileNotFoundError):
                if not name.startswith("."):
                    # Making a Path of each would take as long again.
                    sizes[path[len(folder) + 1 :]] = os.stat(path).st_size  # noqa: PTH116
    return sizes


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error
