"""From what uv unpacked into one folder to the files of a tree: each in its place, with nothing of the packager's."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from skillbox_core.base.names import shown
from skillbox_core.environments.scripts import console_scripts, with_own_interpreter
from skillbox_core.environments.tree import Member, check_count
from skillbox_core.errors import InvalidSkillError

_DATA = ("etc", "include", "man", "share")
"""Folders of what packages install beside their modules; `--target` puts them among the modules."""
_BIN = "bin"
_PACKAGERS = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json"})
"""What an installer writes of itself: with times, paths and its name."""
_SCRIPT = 4 * 1024 * 1024
_MAX_RECORD = 64 * 1024 * 1024
"""Bytes. A file needs some hundred of it, and an environment has a limit on files."""

Again = Callable[[str], Path]
"""A folder with one of the packages alone, by the name and version of its `.dist-info`; none for no package."""


def lay_out(unpacked: Path, python: str, interpreter: str, again: Again, max_files: int) -> list[Member]:
    """The members of a tree.

    Args:
        unpacked: What `uv pip install --target` made.
        python: `3.11`.
        interpreter: The path of the Python that uv was given.
        again: Called where two packages have a file of one name with different bytes: which of them uv wrote last
            depends on the moment, and here the first by name always wins.
        max_files: How many files are looked at.

    Raises:
        InvalidSkillError: A package holds something that is no plain file, or there are too many.
    """
    packages = f"lib/python{python}/site-packages"
    found = _plain_files(unpacked, max_files)
    infos = sorted({path.split("/")[0] for path in found if path.split("/")[0].endswith(".dist-info")})
    records = {info: _record(found, info) for info in infos}
    found.update(_settled(records, found, again))
    scripts: dict[str, bytes] = {}
    owned: dict[str, set[str]] = {info: set(rows) for info, rows in records.items()}
    for info in infos:
        entry_points = found.get(f"{info}/entry_points.txt")
        small = entry_points if entry_points and entry_points.stat().st_size <= _SCRIPT else None
        for name, text in console_scripts(small.read_bytes() if small else b"").items():
            scripts.setdefault(name, text)
            owned[info].add(f"{_BIN}/{name}")
    data = {folder for folder in _DATA if f"{folder}/__init__.py" not in found}
    members: dict[str, Member] = {}
    for path, source in found.items():
        top, _, rest = path.partition("/")
        if not rest and path == ".lock":
            continue
        if (top in owned and rest in _PACKAGERS) or (path.endswith(".pyc") and "__pycache__" in path.split("/")):
            continue
        executable = bool(source.stat().st_mode & stat.S_IXUSR)
        if top == _BIN and rest:
            if rest not in scripts and source.stat().st_size <= _SCRIPT:
                members[path] = Member(path, with_own_interpreter(source.read_bytes(), interpreter), True)
            elif rest not in scripts:
                members[path] = Member(path, source, True)
        elif top in data and rest:
            members[path] = Member(path, source, executable)
        else:
            members[path] = Member(f"{packages}/{path}", source, executable)
    for name, text in scripts.items():
        members[f"{_BIN}/{name}"] = Member(f"{_BIN}/{name}", text, True)
    for info in infos:
        text = _new_record(info, owned[info], members, packages)
        members[f"{info}/RECORD"] = Member(f"{packages}/{info}/RECORD", text)
    return list(members.values())


def _plain_files(folder: Path, most: int) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for root, folders, names in os.walk(folder):
        for name in sorted([*names, *folders]):
            path = Path(root) / name
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                found[path.relative_to(folder).as_posix()] = path
                check_count(len(found), most)
            elif not stat.S_ISDIR(mode):
                raise InvalidSkillError(
                    f"a package has {shown(path.relative_to(folder).as_posix())}, which is no plain file",
                    hint="use an image that has the package (`image:` and `environment: none` in SKILL.md)",
                )
    return found


def _record(found: Mapping[str, Path], info: str) -> dict[str, str]:
    """The files that a package says are its own, each with the hash that it says."""
    record = found.get(f"{info}/RECORD")
    if record is None:
        return {}
    if record.stat().st_size > _MAX_RECORD:
        raise InvalidSkillError(
            f"a package's {shown(info)}/RECORD is over {_MAX_RECORD // 1024**2} MiB",
            hint="use an image that has the package (`image:` and `environment: none` in SKILL.md)",
        )
    rows = csv.reader(io.StringIO(record.read_text("utf-8", errors="replace")))
    try:
        return {row[0]: row[1] if len(row) > 1 else "" for row in rows if row and row[0] in found}
    except csv.Error:
        return {}


def _settled(records: Mapping[str, Mapping[str, str]], found: Mapping[str, Path], again: Again) -> dict[str, Path]:
    """Where the bytes are of files that several packages have, and not all the same."""
    owners: dict[str, list[str]] = defaultdict(list)
    for info, rows in sorted(records.items()):
        for path in rows:
            owners[path].append(info)
    settled: dict[str, Path] = {}
    for path, infos in owners.items():
        if len(infos) > 1 and {records[info][path] for info in infos} != {_hash(found[path])}:
            for info in infos:
                alone = again(info.removesuffix(".dist-info")) / path
                if alone.is_file() and not alone.is_symlink():
                    settled[path] = alone
                    break
    return settled


def _new_record(info: str, owned: set[str], members: Mapping[str, Member], packages: str) -> bytes:
    """RECORD for what is there now: https://packaging.python.org/en/latest/specifications/recording-installed-packages/"""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for path in sorted(owned - {f"{info}/RECORD"}):
        if member := members.get(path):
            hashed = hashlib.sha256()
            for chunk in member.read():
                hashed.update(chunk)
            rows.writerow([_from_packages(member.path, packages), _urlsafe(hashed.digest()), member.size])
    rows.writerow([f"{info}/RECORD", "", ""])
    return text.getvalue().encode("utf-8", errors="surrogateescape")


def _from_packages(path: str, packages: str) -> str:
    inside = PurePosixPath(path)
    if inside.is_relative_to(packages):
        return str(inside.relative_to(packages))
    return "../" * len(PurePosixPath(packages).parts) + path


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return _urlsafe(hashlib.file_digest(file, "sha256").digest())


def _urlsafe(digest: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
