"""What a stranger's `requirements.txt` and `package.json` may ask of uv and npm: packages of an index, by name. Pure.

Both formats can do more. An option in `requirements.txt` goes before one of the command line, so that
`--no-binary` and `--find-links` make an installer build a package of the folder, with the rights of whoever packages
the skill; `${VARIABLES}` are put into URLs; npm links folders and clones repositories.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from skillbox_core.base.json_rules import JsonError, parse_json
from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidSkillError

_COMMENT = re.compile(r"(^|\s)#.*$")
_SHA256 = "--hash=sha256:"
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\Z")
_FORM = "only `name[extras] versions ; marker --hash=sha256:...` is taken: packages of the index, by name"

_NPM = re.compile(
    r"(npm:(@[\w.-]+/)?[\w-][\w.-]*(@|\Z))?([\w~^<>=*|+-][\w~^<>=*|+. -]*)?\Z|\$(@[\w.-]+/)?[\w-][\w.-]*\Z", re.ASCII
)
_NAME = re.compile(r"(@[\w.-]+/)?[\w-][\w.-]*\Z", re.ASCII)
_PLACE = re.compile(r"((\A|/)node_modules/(@[\w.-]+/)?[\w-][\w.-]*)+\Z", re.ASCII)
_EXACT = re.compile(r"\d+\.\d+\.\d+([-+][\w.+-]+)?\Z", re.ASCII)
_NPM_KEYS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides")
ROOT_KEYS = ("dependencies", "optionalDependencies", "peerDependencies", "peerDependenciesMeta", "overrides")
"""Of a `package.json`, what npm needs to know where nothing is developed."""
_LOCKED = frozenset(
    {
        *("name", "version", "integrity", "dev", "optional", "devOptional", "peer", "engines", "os", "cpu", "libc"),
        *("dependencies", "optionalDependencies", "peerDependencies", "peerDependenciesMeta"),
        *("bundleDependencies", "inBundle"),
    }
)
"""What an entry of a lock may say. npm takes much else for the place to fetch a package from."""
_BRING = "what a registry lacks can be brought along in node_modules/"


@dataclass(frozen=True)
class Wanted:
    """A package of the index.

    Attributes:
        line: `name[extras] versions ; marker`, written anew from what it means.
        name: In its one normal form.
        hashes: SHA-256 of the files that are taken, hex; empty for any.
    """

    line: str
    name: str
    hashes: tuple[str, ...] = ()


def checked_requirements(text: str, file: str = "requirements.txt") -> list[Wanted]:
    """The lines of a `requirements.txt`.

    Raises:
        InvalidSkillError: Names the first line that is more than a package of the index, and the rule.
    """
    return [_requirement(f"{file}, line {number}", line) for number, line in _logical_lines(text)]


def checked_dependencies(lines: Any, where: str) -> list[Wanted]:
    """A list of dependencies as a TOML table has it.

    Args:
        lines: As read.
        where: The file and the key, for messages.

    Raises:
        InvalidSkillError: Names the first that is more than a package of the index, and the rule.
    """
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise InvalidSkillError(f"{where} is no list of texts")
    found = [_requirement(f"{where}, entry {number}", line) for number, line in enumerate(lines, 1)]
    for number, (line, wanted) in enumerate(zip(lines, found, strict=True), 1):
        if wanted.hashes:
            raise _refused(f"{where}, entry {number}", line)
    return found


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines joined at their backslashes, without comments and blank ones; each with the number it begins at."""
    began, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = _COMMENT.sub("", line).rstrip()
        began = began if joined else number
        joined += bare.removesuffix("\\") + " "
        if not bare.endswith("\\"):
            if joined.strip():
                yield began, joined.strip()
            joined = ""
    if joined.strip():
        yield began, joined.strip()


def _requirement(where: str, line: str) -> Wanted:
    parts = line.split()
    hashes = tuple(sorted({part.removeprefix(_SHA256) for part in parts if _HASH.match(part)}))
    rest = " ".join(part for part in parts if not _HASH.match(part))
    try:
        requirement = Requirement(rest)
    except InvalidRequirement:
        raise _refused(where, line) from None
    # A word with a dash is an option to an installer, wherever it stands.
    dashed = any(part.startswith("-") for part in rest.split())
    if requirement.url or dashed or "${" in rest or not (rest.isascii() and rest.isprintable()):
        raise _refused(where, line)
    return Wanted(str(requirement), canonicalize_name(requirement.name), hashes)


def _refused(where: str, line: str) -> InvalidSkillError:
    return InvalidSkillError(
        f"{where}: {shown(line)} is refused: {_FORM}",
        hint="what an index lacks can be brought along in vendor/, or be in an image (`image:` in SKILL.md)",
    )


def checked_packages(package: str, lock: str | None, folder: str = "") -> dict[str, dict[str, Any]]:
    """The files for npm by name, whose dependencies are packages of the registry and nothing else; none without any.

    Args:
        package: The text of `package.json`.
        lock: That of `package-lock.json`, if there is one. It is written anew from the little that is known to be
            harmless, and without addresses: npm then asks its own registry for each package, by name and version.
        folder: Where both lie in the skill, for messages: empty, or with a slash at its end.

    Raises:
        InvalidSkillError: Not JSON, or it names a folder, a repository or a URL.
    """
    file = f"{folder}package.json"
    wanted = _object(package, file)
    if not wanted.get("dependencies"):
        return {}
    if "workspaces" in wanted:
        raise InvalidSkillError(f"{file}: workspaces are refused: a skill is one package", hint=_BRING)
    files = {"package.json": checked_root(wanted, file)}
    if lock is not None:
        path = f"{folder}package-lock.json"
        packages = checked_lock(_object(lock, path), path)
        files["package-lock.json"] = {"lockfileVersion": 3, "requires": True, "packages": packages}
    return files


def checked_root(wanted: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Of a `package.json`, what says which packages are needed where a skill runs.

    Raises:
        InvalidSkillError: One does not come from a registry.
    """
    _check_versions(wanted, file)
    return {key: wanted[key] for key in ROOT_KEYS if wanted.get(key)}


def _object(text: str, file: str) -> dict[str, Any]:
    try:
        found = parse_json(text)
    except JsonError as error:
        raise InvalidSkillError(f"{file} can't be read: it {error}") from None
    if not isinstance(found, dict):
        raise InvalidSkillError(f"{file} can't be read: it is not an object")
    return found


def _check_versions(package: Mapping[str, Any], file: str) -> None:
    for key in _NPM_KEYS:
        value = package.get(key) or {}
        if not isinstance(value, dict):
            raise InvalidSkillError(f"{file}: {key} is not an object")
        for name in value if key != "overrides" else ():
            if not _NAME.match(name):
                raise InvalidSkillError(f"{file}: {shown(name)} among {key} is refused: it is no name of a package")
        for version in _texts(value):
            if not _NPM.match(version):
                raise InvalidSkillError(
                    f"{file}: {shown(version)} among {key} is refused: only packages of a registry are taken",
                    hint=_BRING,
                )


def _texts(value: Any) -> Iterator[str]:
    for inner in value.values() if isinstance(value, dict) else [value]:
        if isinstance(inner, dict):
            yield from _texts(inner)
        else:
            yield inner if isinstance(inner, str) else json.dumps(inner)


def checked_lock(lock: Mapping[str, Any], file: str) -> dict[str, Any]:
    """The packages of a `package-lock.json` by their place, each with no more than is known to be harmless.

    Those that are for development only are left out.

    Raises:
        InvalidSkillError: Names the place of one that does not come from a registry, and the rule.
    """
    packages = lock.get("packages")
    if not isinstance(packages, dict):
        raise InvalidSkillError(f"{file} has no packages: it is older than npm 7", hint="write it anew")
    checked = {place: _checked_entry(place, entry, file) for place, entry in packages.items()}
    return {place: entry for place, entry in checked.items() if entry.get("dev") is not True}


def _checked_entry(place: str, entry: Any, file: str) -> dict[str, Any]:
    def refused(why: str) -> InvalidSkillError:
        return InvalidSkillError(f"{file}: {shown(place)} is refused: {why}", hint=_BRING)

    if not isinstance(entry, dict) or entry.get("link"):
        raise refused("it does not come from a registry")
    came = entry.get("resolved", "https:")
    if not isinstance(came, str) or not came.startswith(("https:", "http:")):
        raise refused("it does not come from a registry")
    if place and not _PLACE.match(place):
        raise refused("it is no place for a package")
    if place and not (isinstance(entry.get("version"), str) and _EXACT.match(entry["version"])):
        raise refused("it has no exact version")
    if not isinstance(entry.get("name", "a"), str) or not _NAME.match(entry.get("name", "a")):
        raise refused("it has no name of a package")
    _check_versions(entry, file)
    if not place:
        return {key: entry[key] for key in ROOT_KEYS if entry.get(key)}
    return {key: value for key, value in entry.items() if key in _LOCKED}
