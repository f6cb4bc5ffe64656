"""Where a skill was when it was pushed: its folder or file, and the commit that was checked out there.

Git is not asked: its configuration lies in the folder too, and may name programs that it would run. Whether files were
changed since the commit is therefore not known; what was stored, its digest says.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

_MAX_BYTES = 1024 * 1024
"""Of one of git's files; `packed-refs` has a line for each branch and tag."""
_END = 22
"""Bytes of a zip's last record, whose last two are the length of the comment behind it."""
_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_REF = re.compile(r"refs/(?!.*\.\.)[\w./+@-]{1,200}\Z")


@dataclass(frozen=True)
class Origin:
    """Where a version came from.

    Attributes:
        folder: Absolute path of the folder or archive that was pushed, on the machine where that was.
        commit: Hexadecimal; None where it is in no checkout, or nothing there says so.
    """

    folder: str
    commit: str | None = None


def find_origin(path: Path) -> Origin:
    """The origin of a skill's folder, or of an archive, which says its commit if `git archive` made it."""
    place = path.absolute().resolve()
    commit = _checked_out(place) if place.is_dir() else _commented(place)
    # As it can be kept and shown, whatever bytes are in the path.
    return Origin(str(place).encode(errors="backslashreplace").decode(), commit)


def _checked_out(folder: Path) -> str | None:
    for parent in (folder, *folder.parents):
        git = parent / ".git"
        if git.is_dir():
            return _head(git, git)
        if git.is_file():
            # A working tree of its own: its HEAD is here, and branches are with those of the others.
            own = parent / (_text(git).removeprefix("gitdir:").strip() or ".git")
            shared = _text(own / "commondir").strip()
            return _head(own, own / shared if shared else own)
    return None


def _head(own: Path, shared: Path) -> str | None:
    head = _text(own / "HEAD").strip()
    ref = head.removeprefix("ref:").strip()
    if ref == head:
        return head if _COMMIT.match(head) else None
    if not _REF.match(ref):
        return None
    found = _text(shared / ref).strip() or next(
        (line.split(" ")[0] for line in _text(shared / "packed-refs").splitlines() if line.endswith(f" {ref}")), ""
    )
    return found if _COMMIT.match(found) else None


def _commented(archive: Path) -> str | None:
    try:
        size = archive.stat().st_size
        with archive.open("rb") as file:
            file.seek(max(0, size - _END - 64))
            tail = file.read(_END + 64)
    except OSError:
        return None
    for length in (40, 64):
        end = tail[-_END - length :]
        if end.startswith(b"PK\5\6") and end[_END - 2 : _END] == bytes((length, 0)):
            comment = end[_END:].decode("ascii", "replace")
            return comment if _COMMIT.match(comment) else None
    return None


def _text(path: Path) -> str:
    try:
        # A link leads to what is not the skill's, and a pipe would never end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            return file.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""
