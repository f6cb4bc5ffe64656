"""Files of strangers, put below a folder that somebody chose: none leaves it, and each is there whole or not at all."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import IO

from skillbox_core.base.files import unwritable
from skillbox_core.errors import StorageError


def make_folder(folder: Path) -> None:
    """Makes a folder for files, and those above it.

    Raises:
        InvalidRequestError: It can't be made.
        DiskError: The disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None


def put_below(folder: Path, name: str, source: IO[bytes]) -> Path:
    """Writes a file, and replaces one of that name.

    Args:
        name: A checked relative path (`skillbox_core.base.paths`).

    Raises:
        StorageError: A link that lies in the folder leads out of it.
        InvalidRequestError: It can't be written: something else than a file has its place, or a right is missing.
        DiskError: The disk is full.
    """
    root = folder.resolve()
    path = root / name
    # Of two downloads at once each has a draft of its own, and the one that ends last wins.
    draft = path.parent / f".{uuid.uuid4().hex}"
    try:
        if not path.parent.resolve().is_relative_to(root):
            raise StorageError(f"{path.parent} leads out of {root}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("xb") as file:
                shutil.copyfileobj(source, file)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None
    return path
