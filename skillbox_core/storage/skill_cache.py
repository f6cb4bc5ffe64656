"""Verified archives on this machine, by digest. Whatever is missing from it is fetched again.

A process reads an archive once for a while: what it has read is held, by what the file system says of the file, and
read again when that changes.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from skillbox_core.base.files import make_private
from skillbox_core.errors import DiskError, InvalidSkillError
from skillbox_core.storage.objects import publish

if TYPE_CHECKING:
    from skillbox_core.skills.archive import SkillArchive

logger = logging.getLogger(__name__)

IN_USE = 120.0
"""Seconds for which an archive that was asked for is kept in any case: it may be on its way into a sandbox."""
TOUCH_EVERY = 30.0
"""Seconds after which an archive is marked as asked for once more; its file has changed by that, so it is read anew."""
ABANDONED = 3600.0
"""Seconds after which a draft is one of a process that died."""
HELD_FILES = 20_000
"""Files in all archives that a process holds, of some hundred bytes each; those that were read longest ago go."""


class SkillCache:
    """May be shared by processes, which may all remove and replace what is in it.

    Args:
        folder: Made when it is needed.
        max_archive: Bytes that an archive may have, packed and unpacked.
        room: Bytes for all of them. Beyond that, those that were asked for longest ago go.
        max_entries: Entries that an archive may have.
    """

    def __init__(self, folder: Path, max_archive: int, room: int, max_entries: int) -> None:
        self._folder = folder
        self._max_archive = max_archive
        self._room = room
        self._max_entries = max_entries
        self._held: dict[str, tuple[tuple[int, ...], SkillArchive]] = {}
        self._lock = threading.Lock()

    def get(self, digest: str) -> SkillArchive | None:
        """The archive with this digest; None when it is not there, or has become another.

        Raises:
            DiskError: The cache can't be read.
        """
        with _faults(), suppress(FileNotFoundError, InvalidSkillError):
            path = self._place(digest)
            status = path.stat()
            held = self._held.get(digest)
            if abs(time.time() - status.st_mtime) > TOUCH_EVERY:
                with suppress(OSError):  # a cache that may not be written serves as well
                    os.utime(path)  # first, or it could be removed while it is read
            elif held and held[0] == _identity(status):
                return held[1]
            archive = self._read(path)
            if archive.digest == digest:
                return archive
        return None

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A place for an archive that is being fetched; what is not kept is removed.

        Raises:
            DiskError: The disk is full, or the cache can't be written.
        """
        with _faults():
            make_private(self._folder)
            draft = self._folder / f".{uuid.uuid4().hex}.zip"
            try:
                # Or the object store would be blamed for a cache that can't be written.
                draft.touch(0o600)
                yield draft
            finally:
                draft.unlink(missing_ok=True)

    def keep(self, draft: Path, archive: SkillArchive) -> SkillArchive:
        """Gives a draft that was checked its place, and makes room for it.

        Raises:
            DiskError: The disk is full, or the cache can't be written.
        """
        with _faults():
            place = self._place(archive.digest)
            os.utime(draft)
            publish(draft, place)
            try:
                self._make_room()
            except OSError as error:  # no run fails for it
                logger.warning("the cache of skills can't be tidied up: %s", error)
            return self._read(place)

    def _read(self, path: Path) -> SkillArchive:
        # A list that opens no archive loads nothing that reads one.
        from skillbox_core.skills.archive import open_archive

        before = _identity(path.stat())
        archive = open_archive(path, self._max_archive, self._max_entries)
        if _identity(path.stat()) == before:
            with self._lock:
                self._held.pop(archive.digest, None)
                self._held[archive.digest] = before, archive
                while sum(len(one.files) for _, one in self._held.values()) > HELD_FILES:
                    del self._held[next(iter(self._held))]
        return archive

    def _place(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest}.zip"

    def _make_room(self) -> None:
        present, kept = time.time(), []
        for path in self._folder.glob("*/*.zip"):
            with suppress(FileNotFoundError):  # other processes make room too
                status = path.stat()
                kept.append((status.st_mtime, status.st_size, path))
        over = sum(size for _, size, _ in kept) - self._room
        for asked_for, size, path in sorted(kept):
            if over <= 0 or present - asked_for < IN_USE:
                break
            with suppress(FileNotFoundError):
                if path.stat().st_mtime == asked_for:
                    path.unlink()
                    over -= size
        for draft in self._folder.glob(".*.zip"):
            with suppress(FileNotFoundError):
                if present - draft.stat().st_mtime > ABANDONED:
                    draft.unlink()


def _identity(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is written, replaced, or marked as asked for."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"the cache of skills can't be used: {error}", hint="SKILLBOX_HOME/cache needs room for the skills that run"
        ) from error
