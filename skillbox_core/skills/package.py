"""From a folder to a skill archive: the same folder always gives the same bytes, wherever the archive is put."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from skillbox_core.base.quantities import format_bytes
from skillbox_core.base.versions import Version
from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills import dependencies
from skillbox_core.skills.archive import SKILL_MD, SkillArchive
from skillbox_core.skills.manifest import MAX_SKILL_MD, parse_manifest
from skillbox_core.skills.scripts import inspect_new

_LEFT_OUT = frozenset(
    {".git", ".hg", ".venv", "venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".DS_Store", ".idea"}
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def package(folder: Path, target: Path, max_size: int, *, prepare: bool = True) -> SkillArchive:
    """Zips a skill's folder, with its dependencies prepared, and checks the result as a push would.

    Archives of the skill itself that lie in its folder are left out (`is_own_archive`).

    Args:
        prepare: Whether pip and npm fetch the dependencies; else what they would be asked for is checked only.

    Raises:
        InvalidSkillError: The folder is no skill, breaks a rule, or needs what can't be prepared.
    """
    try:
        is_skill = (folder / SKILL_MD).is_file()
    except OSError as error:
        raise InvalidSkillError(f"{folder} can't be read: {error.strerror}") from None
    if not is_skill:
        raise InvalidSkillError(f"{folder} is not a skill: it has no {SKILL_MD}", hint="`skillbox init NAME` makes one")
    # Found before SKILL.md is read, because that may be a link.
    files = list(_files(folder))
    with _opened(folder / SKILL_MD, SKILL_MD) as file:
        skill = parse_manifest(file.read(MAX_SKILL_MD + 1)).name
    total = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in files:
            name = path.relative_to(folder).as_posix()
            if is_own_archive(name, skill):
                continue
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
    return inspect_new(target, max_size)


def is_own_archive(path: str, skill: str) -> bool:
    """Whether a file is called as an archive of the skill is by itself, `NAME-VERSION.zip`.

    Args:
        path: Inside the folder of the skill; in a folder below there is no such file.
        skill: Its name.
    """
    version = path.removeprefix(f"{skill}-").removesuffix(".zip")
    return path == f"{skill}-{version}.zip" and Version.parse(version) is not None


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3
    executable = path.stat().st_mode & stat.S_IXUSR
    info.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    info.file_size = path.stat().st_size
    with _opened(path, name) as source, archive.open(info, "w") as packed:
        shutil.copyfileobj(source, packed)


def _opened(path: Path, name: str) -> IO[bytes]:
    try:
        name.encode()
        return path.open("rb")
    except UnicodeEncodeError:
        raise InvalidSkillError(f"the name of {name!a} is not UTF-8") from None
    except OSError as error:
        raise InvalidSkillError(f"{name!a} can't be read: {error.strerror}") from None


def _files(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise InvalidSkillError(f"{error.filename or folder} can't be read: {error.strerror}") from None

    for root, folders, names in os.walk(folder, onerror=refuse):
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
