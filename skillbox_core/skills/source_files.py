"""Which packages the files of a skill ask for, whatever folder they lie in, and the lock of these packages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import IO

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills import dependencies
from skillbox_core.skills.archive import LOCK, NODE_ENDINGS, PACKAGE, VENDOR, find_entrypoint
from skillbox_core.skills.entry import FIRST_LINE, script_lang
from skillbox_core.skills.manifest import Manifest
from skillbox_core.skills.node_lock import NODE_MODULES
from skillbox_core.skills.node_sources import (
    PACKAGE_LOCK,
    NodeFound,
    NodeSource,
    find_node_scripts_source,
    find_node_source,
)
from skillbox_core.skills.script_sources import find_scripts_source
from skillbox_core.skills.sources import REQUIREMENTS, UV_LOCK, Found, PythonSource, find_source

_SCRIPT = 16 * 1024 * 1024
"""Bytes of a script that are looked at for a list of dependencies."""

Source = PythonSource | NodeSource
Locker = Callable[[Manifest, Source, str | None], str]
"""Makes the lock of what a skill asks for; last comes the one that lies in its folder. See `environments.push`."""


def find_packages(folder: Path, manifest: Manifest, names: Mapping[str, str]) -> Found | NodeFound:
    """Which packages the skill asks for, in the language of its entrypoint, else in that of its scripts.

    Args:
        names: Paths in the skill, and where in the folder each lies.
    """
    lang, entrypoint = find_entrypoint(manifest.lang, set(names))
    brought = any(name.startswith(f"{VENDOR if lang == 'python' else NODE_MODULES}/") for name in names)
    if not manifest.environment:
        return Found()
    if entrypoint is None:
        return Found() if brought else _scripts_source(folder, names, lang)
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
            with opened(folder / names[name], name) as file:
                return file.read(_SCRIPT).decode(errors="replace")
        return dependencies.read_text(folder / names[name]) if name in names else None

    found = find_node_source(read, entrypoint) if lang == "node" else find_source(read, entrypoint)
    return replace(found, warnings=(*found.warnings, *others))


def _scripts_source(folder: Path, names: Mapping[str, str], lang: str) -> Found | NodeFound:
    """Which packages the scripts of a skill without an entrypoint ask for, in its one language that has some."""

    def head(name: str, size: int) -> bytes:
        with opened(folder / names[name], name) as file:
            return file.read(size)

    # What has another ending is no script of Python or Node, whatever its first line is.
    endings = NODE_ENDINGS if lang == "node" else (".py",)
    possible = [name for name in sorted(names) if name.endswith(endings) or "." not in name.rpartition("/")[2]]
    scripts = {name for name in possible if script_lang(name, head(name, FIRST_LINE)) == lang}

    @cache
    def listed(name: str) -> str | None:
        return dependencies.read_text(folder / names[name]) if name in names else None

    def read(name: str) -> str | None:
        return head(name, _SCRIPT).decode(errors="replace") if name in scripts else listed(name)

    if lang == "node":
        own = [name for name in scripts if "node_modules/" not in name]
        # Those that are likely to be called come first, as where they are named.
        own.sort(key=lambda name: (not name.startswith("scripts/"), name.count("/"), name))
        asked = find_node_scripts_source(read, own)
        told = tuple(
            f"{name} is passed over: this skill has Node scripts" for name in (REQUIREMENTS, UV_LOCK) if name in names
        )
        return replace(asked, warnings=(*asked.warnings, *told))
    found = find_scripts_source(read, sorted(scripts))
    passed = [name for name in sorted(names) if name.rpartition("/")[2] == PACKAGE and name.count("/") < 2]
    told = tuple(
        f"{name} is passed over: a skill has packages of one language, and this one has Python scripts"
        for name in passed
        if '"dependencies"' in (read(name) or "")
    )
    return replace(found, warnings=(*found.warnings, *told))


def check_npm(found: Found | NodeFound, manifest: Manifest, names: Collection[str]) -> None:
    """Asks for npm where a skill's own entrypoint can't be locked without: lint and push say the same.

    Raises:
        InvalidSkillError: It is not here.
    """
    own = find_entrypoint(manifest.lang, set(names))[1] is not None
    if own and isinstance(found.source, NodeSource) and LOCK not in names:
        dependencies.find_npm(found.source.path)


def make_lock(
    folder: Path, manifest: Manifest, names: Mapping[str, str], found: Found | NodeFound, locker: Locker | None
) -> tuple[str | None, Found | NodeFound]:
    """The lock of what was found, None where nothing asks for packages; and what was found, with what to say of it.

    Args:
        names: As for `find_packages`.

    Raises:
        InvalidSkillError: The packages of the skill's entrypoint can't be locked.
    """
    if not (found.source and found.source.needed):
        return None, found
    try:
        return _lock(folder, manifest, found.source, locker), found
    except InvalidSkillError as error:
        if find_entrypoint(manifest.lang, set(names))[1] is not None:
            raise
        # Of scripts that somebody wrote for another tool, those that need no packages run all the same.
        return None, Found(warnings=(*found.warnings, f"its scripts have no packages: {error}"))


def _lock(folder: Path, manifest: Manifest, source: Source, locker: Locker | None) -> str:
    if locker is None:
        raise InvalidSkillError(
            f"{source.path} asks for packages, and nothing is here to lock them",
            hint="`skillbox skill package` and `skillbox skill push` do",
        )
    return locker(manifest, source, dependencies.read_text(folder / LOCK))


def opened(path: Path, name: str) -> IO[bytes]:
    """A file of a skill, to be read.

    Raises:
        InvalidSkillError: It can't be.
    """
    try:
        name.encode()
        return path.open("rb")
    except UnicodeEncodeError:
        raise InvalidSkillError(f"the name of {name!a} is not UTF-8") from None
    except OSError as error:
        raise InvalidSkillError(f"{name!a} can't be read: {error.strerror}") from None
