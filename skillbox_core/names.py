"""Names and versions: the only words that ever become part of a storage key, a label or a path.

Every rule here is an allowlist, so that nothing joined from checked names can leave its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from skillbox_core.errors import InvalidRequestError

MAX_NAME = 64
MAX_VERSION = 64

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_SKILL = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*\Z")
_EXECUTION = re.compile(r"[0-9a-f]{32}\Z")
_NUMBER = r"(0|[1-9][0-9]{0,9})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?\Z")


def _shown(value: str) -> str:
    """A value as it may stand in an error message: quoted, printable, short."""
    text = ascii(value if len(value) <= 80 else value[:77] + "...")
    return '"' + text[1:-1] + '"'


def check_tenant(value: str) -> str:
    """Returns the tenant id, or raises `InvalidRequestError`."""
    if len(value) <= MAX_NAME and _TENANT.match(value):
        return value
    raise InvalidRequestError(
        f"tenant {_shown(value)} is not a valid name",
        hint=f"1 to {MAX_NAME} letters, digits, '-' or '_', beginning with a letter or digit",
    )


def is_skill_name(value: str) -> bool:
    """Whether this may name a skill (the Agent Skills rule, and '_' as a separator too)."""
    return len(value) <= MAX_NAME and _SKILL.match(value) is not None


SKILL_NAME_RULE = f"1 to {MAX_NAME} lowercase letters and digits, in parts joined by single '-' or '_'"


def check_skill(value: str) -> str:
    """Returns the skill's name, or raises `InvalidRequestError`."""
    if is_skill_name(value):
        return value
    raise InvalidRequestError(f"skill {_shown(value)} is not a valid name", hint=SKILL_NAME_RULE)


def check_execution_id(value: str) -> str:
    """Returns the execution id in its canonical form (32 hex digits), or raises."""
    canonical = value.replace("-", "").lower()
    if _EXECUTION.match(canonical):
        return canonical
    raise InvalidRequestError(
        f"execution id {_shown(value)} is not valid",
        hint="32 hexadecimal digits, as `skillbox exec list` shows them",
    )


@total_ordering
@dataclass(frozen=True)
class Version:
    """A semantic version without build metadata (https://semver.org/#spec-item-11 gives the order).

    Attributes:
        release: Major, minor, patch.
        pre: Identifiers of the pre-release, empty for a release.
    """

    release: tuple[int, int, int]
    pre: tuple[str, ...] = ()

    @classmethod
    def parse(cls, value: str) -> Version | None:
        """The version, or None when the text is not one."""
        if len(value) > MAX_VERSION or not (match := _VERSION.match(value)):
            return None
        major, minor, patch, pre = match.groups()
        parts = tuple(pre.split(".")) if pre else ()
        if any(p.isdigit() and len(p) > 1 and p[0] == "0" for p in parts):
            return None
        return cls((int(major), int(minor), int(patch)), parts)

    def _order(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        identifiers = tuple((not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in self.pre)
        return self.release, not self.pre, identifiers

    def __lt__(self, other: Version) -> bool:
        return self._order() < other._order()

    def __str__(self) -> str:
        text = ".".join(map(str, self.release))
        return f"{text}-{'.'.join(self.pre)}" if self.pre else text


def check_version(value: str) -> Version:
    """The version that a text names, or `InvalidRequestError`."""
    if version := Version.parse(value):
        return version
    raise InvalidRequestError(
        f"version {_shown(value)} is not a semantic version",
        hint="MAJOR.MINOR.PATCH with an optional -pre.release, for example 1.4.0 or 2.0.0-rc.1",
    )


def split_reference(reference: str) -> tuple[str, str]:
    """Splits `name@version` into its parts; the version is empty when there is none."""
    name, _, version = reference.partition("@")
    return name, version
