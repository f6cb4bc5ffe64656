"""From a folder to a skill archive: the same folder always gives the same bytes, wherever the archive is put."""

from __future__ import annotations

import os
import shutil
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO

from skillbox_core.base.quantities import format_bytes
from skillbox_core.base.versions import Version
from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills import dependencies
from skillbox_core.skills.archive import (
    LOCK,
    MAX_ENTRIES,
    NOT_LOCKED,
    SKILL_MD,
    SKILL_MD_LOWER,
    VENDOR,
    SkillArchive,
    copied,
    find_entrypoint,
)
from skillbox_core.skills.discovery import LEFT_OUT, find_skills, has_skill_md
from skillbox_core.skills.entry import FIRST_LINE, script_lang
from skillbox_core.skills.links import find_copies
from skillbox_core.skills.manifest import MAX_SKILL_MD, Manifest, parse_manifest
from skillbox_core.skills.node_lock import NODE_MODULES
from skillbox_core.skills.node_sources import PACKAGE_LOCK, NodeFound, NodeSource, find_node_source
from skillbox_core.skills.overlay import MAX_OVERLAY, OVERLAY, parse_overlay
from skillbox_core.skills.script_sources import find_scripts_source
from skillbox_core.skills.scripts import inspect_new
from skillbox_core.skills.sources import REQUIREMENTS, UV_LOCK, Found, PythonSource, find_source

_NAMED = 20
"""Skills of a folder that are named."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SCRIPT = 16 * 1024 * 1024
"""Bytes of a script that are looked at for a list of dependencies."""


Source = PythonSource | NodeSource
Locker = Callable[[Manifest, Source, str | None], str]
"""Makes the lock of what a skill asks for; last comes the one that lies in its folder. See `environments.push`."""


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
    with _opened(folder / contents[SKILL_MD], SKILL_MD) as file:
        own = parse_manifest(file.read(MAX_SKILL_MD + 1))
    if overlay is None and OVERLAY in contents:
        with _opened(folder / contents[OVERLAY], OVERLAY) as file:
            overlay = file.read(MAX_OVERLAY + 1)
    manifest = parse_overlay(overlay).over(own) if overlay is not None else own
    found = _source(folder, manifest, contents)
    asked = found.source is not None
    if isinstance(found.source, NodeSource) and LOCK not in contents:
        # Said by lint, too.
        dependencies.find_npm(found.source.path)
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
        if prepare and found.source and found.source.needed:
            try:
                _write(archive, LOCK, _lock(folder, manifest, found.source, locker))
            except InvalidSkillError as error:
                if find_entrypoint(manifest.lang, set(contents))[1] is not None:
                    raise
                # Of scripts that somebody wrote for another tool, those that need no packages run all the same.
                found = Found(warnings=(*found.warnings, f"its scripts have no packages: {error}"))
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


def _source(folder: Path, manifest: Manifest, names: Mapping[str, str]) -> Found | NodeFound:
    """Which packages the skill asks for, in the language of its entrypoint.

    Args:
        names: Paths in the skill, and where in the folder each lies.
    """
    lang, entrypoint = find_entrypoint(manifest.lang, set(names))
    brought = any(name.startswith(f"{VENDOR if lang == 'python' else NODE_MODULES}/") for name in names)
    if not manifest.environment:
        return Found()
    if entrypoint is None:
        return Found() if brought else _scripts_source(folder, names)
    others = tuple(
        f"{name} is passed over: the skill is run by {lang}"
        for name, of in ((REQUIREMENTS, "python"), (UV_LOCK, "python"), (PACKAGE_LOCK, "node"))
        if of != lang and name in names
    )
    if brought or lang not in ("python", "node"):
        return Found(warnings=others)

    def read(name: str) -> str | None:
        if name == entrypoint:
            # Whatever its encoding is, what is looked for in it is ASCII.
            with _opened(folder / names[name], name) as file:
                return file.read(_SCRIPT).decode(errors="replace")
        return dependencies.read_text(folder / names[name]) if name in names else None

    found = find_node_source(read, entrypoint) if lang == "node" else find_source(read, entrypoint)
    return replace(found, warnings=(*found.warnings, *others))


def _scripts_source(folder: Path, names: Mapping[str, str]) -> Found:
    """Which packages the Python scripts of a skill without an entrypoint ask for."""

    def head(name: str, size: int) -> bytes:
        with _opened(folder / names[name], name) as file:
            return file.read(size)

    # What has another ending is no script of Python, whatever its first line is.
    possible = [name for name in sorted(names) if name.endswith(".py") or "." not in name.rpartition("/")[2]]
    scripts = {name for name in possible if script_lang(name, head(name, FIRST_LINE)) == "python"}

    def read(name: str) -> str | None:
        if name in scripts:
            return head(name, _SCRIPT).decode(errors="replace")
        return dependencies.read_text(folder / names[name]) if name in names else None

    return find_scripts_source(read, sorted(scripts))


def _lock(folder: Path, manifest: Manifest, source: Source, locker: Locker | None) -> str:
    if locker is None:
        raise InvalidSkillError(
            f"{source.path} asks for packages, and nothing is here to lock them",
            hint="`skillbox skill package` and `skillbox skill push` do",
        )
    return locker(manifest, source, dependencies.read_text(folder / LOCK))


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


def _write(archive: zipfile.ZipFile, name: str, text: str | bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, text)


def _opened(path: Path, name: str) -> IO[bytes]:
    try:
        name.encode()
        return path.open("rb")
    except UnicodeEncodeError:
        raise InvalidSkillError(f"the name of {name!a} is not UTF-8") from None
    except OSError as error:
        raise InvalidSkillError(f"{name!a} can't be read: {error.strerror}") from None


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
