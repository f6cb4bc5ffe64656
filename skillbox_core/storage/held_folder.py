"""A folder in the spool that belongs to a live process: the clean-up of another can tell it from what was left.

Names alone can't tell that here: what is in it is written before there is an execution to be named after. So its
process holds a lock on it, which the kernel gives back whatever way the process ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
import weakref
from contextlib import suppress
from pathlib import Path

PREFIX = "held-"
_LOCK = "lock"


class HeldFolder:
    """A new private folder, held until it is closed, collected as garbage, or its process ends.

    Args:
        spool: Where it is made; must exist.

    Raises:
        OSError: It can't be made.
    """

    def __init__(self, spool: Path) -> None:
        while True:
            self.path = spool / f"{PREFIX}{uuid.uuid4().hex}"
            self.path.mkdir(mode=0o700)
            lock = _locked(self.path, wait=True)
            if lock is not None:
                break
        self.close = weakref.finalize(self, _remove, self.path, lock, os.getpid())
        """Removes the folder with what is in it; again is fine."""


def is_abandoned(folder: Path) -> bool:
    """Whether nobody holds a folder any more."""
    try:
        lock = _locked(folder, wait=False)
    except OSError:
        return False
    if lock is None:
        return False
    os.close(lock)
    return True


def abandoned(spool: Path) -> list[Path]:
    """The folders that processes left which are gone."""
    return [folder for folder in sorted(spool.glob(f"{PREFIX}*")) if is_abandoned(folder)]


def remove_abandoned(folder: Path) -> None:
    """Removes a folder, unless somebody holds it.

    Raises:
        OSError: It can't be removed.
    """
    with suppress(FileNotFoundError):
        lock = _locked(folder, wait=False)
        if lock is not None:
            try:
                shutil.rmtree(folder)
            finally:
                os.close(lock)


def _locked(folder: Path, *, wait: bool) -> int | None:
    """A lock on a folder, which closing it gives back; None where another has it, or has removed the folder."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A clean-up may have come between the folder and its lock; then the lock is on a file that is gone.
        if os.path.samestat(os.fstat(lock), (folder / _LOCK).stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _remove(folder: Path, lock: int, owner: int) -> None:
    # A forked child has the same object, and ends before its parent does.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
