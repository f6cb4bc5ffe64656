"""Verified archives on this machine, by digest. Whatever is missing from it is fetched again.

A process reads an archive once: what it has read is held, by what the file system says of the file, and read again
when that changes. So that it does not change by being used, when an archive was asked for is said by a mark beside it.
"""

from __future__ import annotations

import logging
import os
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
"""Seconds after which an archive is marked as asked for once more."""
ABANDONED = 3600.0
"""Seconds after which a draft is one of a process that died, and a mark without its archive one that was left."""
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

    def get(self, digest: str) -> SkillArchive | None:
        """The archive with this digest; None when it is not there, or has become another.

        Raises:
            DiskError: The cache can't be read.
        """
        with _faults(), suppress(FileNotFoundError, InvalidSkillError):
            path = self._place(digest)
            if abs(time.time() - _asked_for(path)) > TOUCH_EVERY:
                with suppress(OSError):  # a cache that may not be written serves as well
                    _mark(path).touch(0o600)  # first, or it could be removed while it is read
            held = self._held.get(digest)
            if held and held[0] == _identity(path.stat()):
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
            # A new dictionary for each, since a lock could be held at a fork, and be never free in the child. What two
            # threads lose of each other's is read once more.
            held = {digest: one for digest, one in self._held.items() if digest != archive.digest}
            held[archive.digest] = before, archive
            while sum(len(one.files) for _, one in held.values()) > HELD_FILES:
                del held[next(iter(held))]
            self._held = held
        return archive

    def _place(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest}.zip"

    def _make_room(self) -> None:
        present, kept = time.time(), []
        for path in self._folder.glob("*/*.zip"):
            with suppress(FileNotFoundError):  # other processes make room too
                kept.append((_asked_for(path), path.stat().st_size, path))
        over = sum(size for _, size, _ in kept) - self._room
        for asked_for, size, path in sorted(kept):
            if over <= 0 or present - asked_for < IN_USE + TOUCH_EVERY:  # its mark may be that old already
                break
            with suppress(FileNotFoundError):
                if _asked_for(path) == asked_for:
                    path.unlink()
                    over -= size
                    _mark(path).unlink()
        alone = (mark for mark in self._folder.glob("*/*.asked") if not mark.with_suffix(".zip").exists())
        for left in (*self._folder.glob(".*.zip"), *alone):
            with suppress(FileNotFoundError):
                if present - left.stat().st_mtime > ABANDONED:
                    left.unlink()


def _mark(path: Path) -> Path:
    return path.with_suffix(".asked")


def _asked_for(path: Path) -> float:
    """When an archive was put here or asked for, whichever was later."""
    with suppress(FileNotFoundError):
        return max(path.stat().st_mtime, _mark(path).stat().st_mtime)
    return path.stat().st_mtime


def _identity(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is written or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"the cache of skills can't be used: {error}", hint="SKILLBOX_HOME/cache needs room for the skills that run"
        ) from error
