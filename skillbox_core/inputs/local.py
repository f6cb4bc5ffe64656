"""Files and folders of this machine, read without being led elsewhere."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from skillbox_core.errors import InvalidRequestError
from skillbox_core.storage.objects import CHUNK

_KERNEL = tuple(Path(place) for place in ("/proc", "/sys", "/dev"))
"""What looks like plain files there is the kernel's word about this process and machine, such as its environment."""
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, not written


def find_local(place: Path, closed: Path) -> Iterator[tuple[str, Path, int]]:
    """The plain files at a place: itself, or all below it.

    Args:
        place: A file or folder; may be a link itself.
        closed: A folder that is nobody's input, with whatever is in it.

    Returns:
        For each its own name (for a folder `folder/path/below`), where it is, and its size in bytes.

    Raises:
        InvalidRequestError: There is nothing, it can't be read, or something is neither file nor folder.
    """
    try:
        root = place.resolve(strict=True)
        closed = closed.resolve()
        if root.is_relative_to(closed):
            raise InvalidRequestError(f"{place} belongs to the installation itself")
        _check_place(root)
        if not root.is_dir():
            yield place.name, root, _size(root)
            return
        for folder, folders, names in os.walk(root, onerror=_raise):
            folders.sort()
            if closed in [Path(folder, name) for name in folders]:
                raise InvalidRequestError(f"{place} contains the folder of the installation itself, {closed.name}")
            for name in folders:
                _check_place(Path(folder, name))
            for name in sorted(names + [name for name in folders if Path(folder, name).is_symlink()]):
                path = Path(folder, name)
                yield f"{place.name}/{path.relative_to(root)}", path, _size(path)
    except FileNotFoundError:
        raise InvalidRequestError(f"there is no file or folder {place}") from None
    except RuntimeError:
        raise InvalidRequestError(f"{place} is a link that leads back to itself") from None
    except OSError as error:
        raise InvalidRequestError(f"{error.filename or place} can't be read: {error.strerror}") from None


def _check_place(path: Path) -> None:
    if path.is_relative_to(_SHARED_MEMORY):
        return
    if any(path.is_relative_to(place) for place in _KERNEL):
        raise InvalidRequestError(f"{path} is the kernel's, not a plain file or a folder of such")


def _raise(error: OSError) -> None:
    raise error


def _size(path: Path) -> int:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a plain file"
        raise InvalidRequestError(f"{path} is {kind}", hint="only plain files and folders are taken")
    return status.st_size


def open_local(path: Path) -> BufferedReader:
    """A plain file for reading; what took its place since it was found, a link or a pipe, is refused.

    Raises:
        InvalidRequestError: It can't be read, or is no plain file any more.
    """
    try:
        file = open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # noqa: PTH123, SIM115
    except OSError as error:
        raise InvalidRequestError(f"{path} can't be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InvalidRequestError(f"{path} is not a plain file")
    return file


def digest_local(path: Path, size: int) -> str:
    """SHA-256 of a plain file of this size; not a byte more of it is read, and less is refused as well.

    Raises:
        InvalidRequestError: It can't be read, or has another size by now.
    """
    digest, left = hashlib.sha256(), size
    with open_local(path) as file:
        while chunk := file.read(min(CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            digest.update(chunk)
    if left:
        raise InvalidRequestError(f"{path} changed while it was read, or its size is not what the system says")
    return digest.hexdigest()
