"""From a folder to a skill archive: the same folder always gives the same bytes."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from skillbox_core.errors import InvalidSkillError
from skillbox_core.sandbox.limits import format_bytes
from skillbox_core.skills import dependencies
from skillbox_core.skills.archive import SKILL_MD, SkillArchive, inspect_archive

_LEFT_OUT = frozenset(
    {".git", ".hg", ".venv", "venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".DS_Store", ".idea"}
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def package(folder: Path, target: Path, max_size: int, *, prepare: bool = True) -> SkillArchive:
    """Zips a skill's folder, with its dependencies prepared, and checks the result as a push would.

    Args:
        prepare: Whether pip and npm fetch the dependencies; else what they would be asked for is checked only.

    Raises:
        InvalidSkillError: The folder is no skill, breaks a rule, or needs what can't be prepared.
    """
    if not (folder / SKILL_MD).is_file():
        raise InvalidSkillError(f"{folder} is not a skill: it has no {SKILL_MD}", hint="`skillbox init NAME` makes one")
    total = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in _files(folder):
            name = path.relative_to(folder).as_posix()
            # A hole of a terabyte takes no place in a folder, and hours to be packed and refused.
            total += path.stat().st_size
            if total > max_size:
                raise InvalidSkillError(f"unpacked it is over {format_bytes(max_size)}, with {name!r}")
            _add(archive, path, name)
        needs = dependencies.find_needs(folder)
        with dependencies.prepared(needs if prepare else dependencies.Needs()) as ready:
            if ready:
                for path in _files(ready):
                    _add(archive, path, path.relative_to(ready).as_posix())
    return inspect_archive(target, max_size)


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3
    executable = path.stat().st_mode & stat.S_IXUSR
    info.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    info.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(info, "w") as packed:
        shutil.copyfileobj(source, packed)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        for name in sorted([*names, *(f for f in folders if (Path(root) / f).is_symlink())]):
            path = Path(root) / name
            if path.is_symlink():
                raise InvalidSkillError(f"{path.relative_to(folder)} is a symbolic link; skills hold plain files only")
            if name in _LEFT_OUT or name.endswith(".pyc"):
                continue
            if not path.is_file():
                raise InvalidSkillError(f"{path.relative_to(folder)} is no plain file, and skills hold nothing else")
            yield path
