"""What of a stranger's `uv.lock` is used: names, versions, markers and hashes. Addresses never are. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name, is_normalized_name
from packaging.version import InvalidVersion, Version

from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidSkillError

_HASH = re.compile(r"sha256:([0-9a-f]{64})\Z")
_HERE = ({"virtual": "."}, {"editable": "."})
_ANEW = "`uv lock` writes it anew"


def locked_versions(lock: Mapping[str, Any], path: str) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """What a lock pins.

    Args:
        lock: As read from TOML.
        path: Of the file, for messages.

    Returns:
        `name==version` for each package, with a marker where a name has several versions; and the SHA-256 of the
        wheels of each `name==version`.

    Raises:
        InvalidSkillError: Names the package that does not come from an index, or the rule.
    """
    packages = lock.get("package", [])
    if lock.get("version") != 1 or not isinstance(packages, list):
        raise InvalidSkillError(f"{path} is not of version 1 of uv's format", hint=_ANEW)
    constraints: list[str] = []
    hashes: dict[str, tuple[str, ...]] = {}
    for package in packages:
        if not isinstance(package, dict):
            raise InvalidSkillError(f"{path} can't be read: a package is no table", hint=_ANEW)
        if package.get("source") in _HERE:
            continue
        pin = _pin(package, path)
        hashes[pin] = _wheels(package, path, pin)
        constraints.append(pin + _marker(package, path, pin))
    return tuple(sorted(constraints)), hashes


def _pin(package: Mapping[str, Any], path: str) -> str:
    name, version, source = (package.get(key) for key in ("name", "version", "source"))
    if not isinstance(name, str) or not is_normalized_name(name):
        raise InvalidSkillError(f"{path}: {shown(str(name))} is no name of a package", hint=_ANEW)
    if not isinstance(source, dict) or source.keys() != {"registry"}:
        kind = ", ".join(map(str, source)) if isinstance(source, dict) else "nowhere"
        raise InvalidSkillError(
            f"{path}: {name} is refused: it comes from {shown(kind)}, and only packages of an index are taken",
            hint="what an index lacks can be brought along in vendor/, or be in an image (`image:` in SKILL.md)",
        )
    try:
        return f"{canonicalize_name(name)}=={Version(str(version))}"
    except InvalidVersion:
        raise InvalidSkillError(f"{path}: {shown(str(version))} is no version of {name}", hint=_ANEW) from None


def _wheels(package: Mapping[str, Any], path: str, pin: str) -> tuple[str, ...]:
    wheels = package.get("wheels", [])
    found = [_HASH.match(str(wheel.get("hash"))) if isinstance(wheel, dict) else None for wheel in _list(wheels)]
    if not found:
        raise InvalidSkillError(
            f"{path}: {pin} has no wheel, only source, and nothing is built",
            hint="take another version, or use an image that has it (`image:` in SKILL.md)",
        )
    if not all(found):
        raise InvalidSkillError(f"{path}: {pin} has a wheel without its SHA-256", hint=_ANEW)
    return tuple(sorted({match[1] for match in found if match}))


def _marker(package: Mapping[str, Any], path: str, pin: str) -> str:
    markers = _list(package.get("resolution-markers", []))
    try:
        parsed = [str(Marker(str(marker))) for marker in markers]
    except InvalidMarker:
        raise InvalidSkillError(f"{path}: {pin} has a marker that can't be read", hint=_ANEW) from None
    return " ; " + " or ".join(f"({marker})" for marker in parsed) if parsed else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [None]
