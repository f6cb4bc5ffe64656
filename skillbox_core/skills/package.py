"""From a folder to a skill archive: the same folder always gives the same bytes, wherever the archive is put."""

from __future__ import annotations

import os
import shutil
import stat
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

from skillbox_core.base.quantities import format_bytes
from skillbox_core.base.versions import Version
from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import (
    LOCK,
    MAX_ENTRIES,
    NOT_LOCKED,
    SKILL_MD,
    SKILL_MD_LOWER,
    SkillArchive,
    copied,
)
from skillbox_core.skills.discovery import LEFT_OUT, find_skills, has_skill_md
from skillbox_core.skills.links import find_copies
from skillbox_core.skills.manifest import MAX_SKILL_MD, Manifest, parse_manifest
from skillbox_core.skills.overlay import MAX_OVERLAY, OVERLAY, parse_overlay
from skillbox_core.skills.scripts import inspect_new
from skillbox_core.skills.source_files import Locker, check_npm, find_packages, make_lock, opened

_NAMED = 20
"""Skills of a folder that are named."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def package(
    folder: Path,
    target: Path,
    max_size: int,
    *,
    max_entries: int = MAX_ENTRIES,
    prepare: bool = True,
    locker: Locker | None = None,
    overlay: bytes | None = None,
) -> SkillArchive:
    """Zips a skill's folder, with its packages locked, and checks the result as a push would.

    Archives of the skill itself that lie in its folder are left out (`is_own_archive`).

    Args:
        prepare: Whether packages are locked; else what would be asked for is checked only.
        locker: Locks packages, for a skill that needs some.
        overlay: An overlay, in place of one that lies in the folder.

    Raises:
        InvalidSkillError: The folder is no skill, breaks a rule, or needs what can't be prepared.
    """
    check_is_skill(folder)
    # Found before SKILL.md is read, because that may be a link.
    files, links = _files(folder)
    contents = {name: name for name in files} | find_copies(files, links, max_entries)
    if SKILL_MD not in contents and SKILL_MD_LOWER in contents:
        contents[SKILL_MD] = contents.pop(SKILL_MD_LOWER)
    if SKILL_MD not in contents:
        raise InvalidSkillError(f"{SKILL_MD} can't be read: it is no plain file")
    with opened(folder / contents[SKILL_MD], SKILL_MD) as file:
        own = parse_manifest(file.read(MAX_SKILL_MD + 1))
    if overlay is None and OVERLAY in contents:
        with opened(folder / contents[OVERLAY], OVERLAY) as file:
            overlay = file.read(MAX_OVERLAY + 1)
    manifest = parse_overlay(overlay).over(own) if overlay is not None else own
    found = find_packages(folder, manifest, contents)
    asked = found.source is not None
    check_npm(found, manifest, contents)
    total = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, lies in contents.items():
            path = folder / lies
            if is_own_archive(name, manifest.name) or name in (LOCK, OVERLAY):
                continue
            # A hole of a terabyte takes no place in a folder, and hours to be packed and refused.
            total += path.stat().st_size
            if total > max_size:
                raise InvalidSkillError(f"unpacked it is over {format_bytes(max_size)}, with {name!r}")
            _add(archive, path, name)
        if overlay is not None:
            _write(archive, OVERLAY, overlay)
        if prepare:
            lock, found = make_lock(folder, manifest, contents, found, locker)
            if lock is not None:
                _write(archive, LOCK, lock)
    made = inspect_new(target, max_size, max_entries)
    # Of a folder more is known than its archive shows where nothing was prepared.
    shown = [warning for warning in made.warnings if not (asked and warning == NOT_LOCKED)]
    return replace(made, warnings=(*shown, *copied(len(links)), *_misnamed(folder, own), *found.warnings))


def check_is_skill(folder: Path) -> None:
    """Refuses a folder without SKILL.md.

    Raises:
        InvalidSkillError: With the skills that are in it.
    """
    if has_skill_md(folder):
        return
    found = find_skills(folder) if folder.is_dir() else []
    if not found:
        raise InvalidSkillError(f"{folder} is not a skill: it has no {SKILL_MD}", hint="`skillbox init NAME` makes one")
    named = ", ".join(
        f"{_shown(one.folder.relative_to(folder))} ({one.name or 'unreadable'})" for one in found[:_NAMED]
    )
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    raise InvalidSkillError(
        f"{folder} is not a skill, and has {len(found)} in it: {named}{more}",
        hint="name the folders of those that you want; `skillbox skill push --all` takes all",
    )


def _shown(path: Path) -> str:
    return ascii(path.as_posix())[1:-1]


def _misnamed(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """A warning where the folder has another name than the skill: other clients may not find it."""
    name = unicodedata.normalize("NFKC", folder.resolve().name)
    if name == unicodedata.normalize("NFKC", manifest.stated_name):
        return ()
    return (f"the folder is called {ascii(name)[1:-1]}, and the open format wants a skill's folder to have its name",)


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
    with opened(path, name) as source, archive.open(info, "w") as packed:
        shutil.copyfileobj(source, packed)


def _write(archive: zipfile.ZipFile, name: str, text: str | bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, text)


def _files(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Paths of the files in a folder, and of its links with what they say."""

    def refuse(error: OSError) -> None:
        raise InvalidSkillError(f"{error.filename or folder} can't be read: {error.strerror}") from None

    files: list[str] = []
    links: dict[str, str] = {}
    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        for name in sorted([*names, *(f for f in folders if (Path(root) / f).is_symlink())]):
            path = Path(root) / name
            inside = path.relative_to(folder).as_posix()
            if name in LEFT_OUT or name.endswith(".pyc"):
                continue
            if path.is_symlink():
                links[inside] = str(path.readlink())
            elif not path.is_file():
                raise InvalidSkillError(f"{inside} is no plain file, and skills hold nothing else")
            else:
                files.append(inside)
    return files, links
