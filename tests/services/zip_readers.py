"""What the readers of zip files that people use make of one: `unzip`, `7z`, `bsdtar` and Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TypeAlias

Seen: TypeAlias = dict[str, bytes]
"""Names of the files with their contents."""

_COMMANDS = {
    "unzip": ["unzip", "-qq", "-o", "../skill.zip"],
    "7z": ["7z", "x", "-y", "-bd", "-bso0", "../skill.zip"],
    "bsdtar": ["bsdtar", "-xf", "../skill.zip"],
    "bsdtar from a pipe": ["bsdtar", "-xf", "-"],
}
_LISTS = {
    "unzip": ["unzip", "-Z1", "skill.zip"],
    "7z": ["7z", "l", "-ba", "-slt", "skill.zip"],
    "bsdtar": ["bsdtar", "-tf", "skill.zip"],
    "bsdtar from a pipe": ["bsdtar", "-tf", "-"],
}
READERS = (*_COMMANDS, "Python")


def missing() -> str | None:
    """Why they can't be asked, or None."""
    names = [name for name in ("unzip", "7z", "bsdtar", "zip", "git") if shutil.which(name) is None]
    return f"without {', '.join(names)}" if names else None


def extracted(data: bytes, reader: str) -> Seen | None:
    """What a reader makes files of; None when it complains."""
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder) / "skill.zip", Path(folder) / "target"
        path.write_bytes(data)
        target.mkdir()
        if reader == "Python":
            try:
                with zipfile.ZipFile(path) as packed:
                    packed.extractall(target)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError):
                return None
        elif _ran(_COMMANDS[reader], target, data).returncode > (1 if reader == "unzip" else 0):
            # Unzip says 1 where it warns: 7-Zip on Windows gives only one of the two headers an extra field.
            return None
        return {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()}


def listed(data: bytes, reader: str) -> list[str]:
    """The names of all entries as a reader shows them, in order, folders without their slash."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "skill.zip"
        path.write_bytes(data)
        if reader == "Python":
            with zipfile.ZipFile(path) as packed:
                return sorted(name.removesuffix("/") for name in packed.namelist())
        done = _ran(_LISTS[reader], Path(folder), data)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.decode(errors="replace").split("\n")[:-1]
        if reader == "7z":
            lines = [line.removeprefix("Path = ") for line in lines if line.startswith("Path = ")]
        return sorted(line.removesuffix("/") for line in lines)


def _ran(command: list[str], folder: Path, data: bytes) -> subprocess.CompletedProcess[bytes]:
    # A real pipe: in a file that is its stdin, bsdtar looks for the directory as in any other.
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, cwd=folder, input=data, capture_output=True, env=environment, timeout=60)
