"""Trees of packages, made by hand: the tar that a prepared environment is."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from skillbox_core.sandbox.layer import Packed
from skillbox_core.sandbox.treetar import ROOT

SITE = "lib/python3.11/site-packages"
"""Where the packages of the test images' Python lie below the root."""


def folder(path: str, mode: int = 0o755) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.type, info.mode = tarfile.DIRTYPE, mode
    return info


def file(path: str, size: int, mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, mode
    return info


def pack(members: Iterable[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar of exactly these members."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def tree_tar(files: Mapping[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tree's tar with these files, by their paths below the root; those in `bin/` can be run."""
    folders = {ROOT}
    for path in files:
        parts = f"{ROOT}/{path}".split("/")
        folders.update("/".join(parts[:length]) for length in range(2, len(parts)))
    members = [(folder(path), b"") for path in sorted(folders)]
    members += [
        (file(f"{ROOT}/{path}", len(data), 0o755 if path.startswith("bin/") else 0o644), data)
        for path, data in sorted(files.items())
    ]
    return pack(members, form)


def tree_of(data: bytes) -> Packed:
    """The tree of a tar that is there whole."""
    pieces = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]
    return Packed(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data), lambda: pieces)


def tree(files: Mapping[str, bytes]) -> Packed:
    """A tree with these files."""
    return tree_of(tree_tar(files))


def installed(folder: Path, *requirements: str, python: str = "3.11") -> dict[str, bytes]:
    """What an index's wheels hold, as files of a tree; nothing of it is run.

    Raises:
        RuntimeError: They can't be had here; says why.
    """
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "install", "--quiet", "--no-build", "--python-version", python, "--target", str(folder)]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    paths = [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] != "bin"]
    return {f"{SITE}/{path.relative_to(folder)}": path.read_bytes() for path in paths}
