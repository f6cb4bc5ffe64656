"""Versions, and which of them a reference asks for.

`^` and `~` mean what they mean in npm (https://github.com/npm/node-semver#ranges) and Cargo
(https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html), where the two agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidRequestError

MAX_VERSION = 64
LATEST = "latest"

_NUMBER = r"(0|[1-9][0-9]{0,9})"
_PRE = r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}{_PRE}?\Z")
_RANGE = re.compile(rf"([\^~]){_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER}{_PRE}?)?)?\Z")


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
        f"version {shown(value)} is not a semantic version",
        hint="MAJOR.MINOR.PATCH with an optional -pre.release, for example 1.4.0 or 2.0.0-rc.1",
    )


def next_version(versions: Iterable[Version]) -> Version:
    """The version for what follows others and says none itself: the next patch of the highest release, or 1.0.0."""
    releases = [version.release for version in versions if not version.pre]
    if not releases:
        return Version((1, 0, 0))
    major, minor, patch = max(releases)
    return Version((major, minor, patch + 1))


@dataclass(frozen=True)
class Constraint:
    """Which versions of a skill a reference asks for.

    | text | means |
    |---|---|
    | `latest`, or nothing | the highest release; the highest pre-release when there is no release |
    | `1.2.3` | exactly this one |
    | `^1.2.3` | from 1.2.3 up to, not including, the next change of the leftmost part that is not 0: 2.0.0; \
`^0.2.3` ends before 0.3.0, `^0.0.3` before 0.0.4 |
    | `~1.2.3` | from 1.2.3 up to, not including, 1.3.0 |

    Parts may be left out after `^` and `~`: `^1.2` and `^1` end before 2.0.0, `^0.0` before 0.1.0, `^0` and `~0`
    before 1.0.0, `~1.2` before 1.3.0, `~1` before 2.0.0. A pre-release is taken only when the constraint
    names one of the same MAJOR.MINOR.PATCH: `^1.2.0-rc.1` takes 1.2.0-rc.2 and 1.3.0, never 1.3.0-rc.1.

    Attributes:
        text: The constraint in its one form; two that are equal ask for the same.
        lowest: Lower end, included; None for `latest`.
        below: Release that is the upper end, not included; None for `latest` and a single version.
    """

    text: str
    lowest: Version | None = None
    below: tuple[int, int, int] | None = None

    @classmethod
    def parse(cls, value: str) -> Constraint:
        """The constraint that a text names.

        Raises:
            InvalidRequestError: It names none; says which forms there are.
        """
        if value in ("", LATEST):
            return cls(LATEST)
        if version := Version.parse(value):
            return cls(value, version)
        if len(value) <= MAX_VERSION and (match := _RANGE.match(value)):
            sign, *numbers, pre = match.groups()
            given = tuple(int(number) for number in numbers if number is not None)
            major, minor, patch = (*given, 0, 0)[:3]
            lowest = Version.parse(f"{major}.{minor}.{patch}" + (f"-{pre}" if pre else ""))
            if lowest:
                return cls(value, lowest, (_caret if sign == "^" else _tilde)(given))
        raise InvalidRequestError(
            f"{shown(value)} is not a version",
            hint="a version such as 1.2.3, ^1.2 (below 2.0.0), ~1.2 (below 1.3.0), or latest",
        )

    @property
    def exact(self) -> Version | None:
        """The one version that is asked for, when it is one."""
        return self.lowest if self.below is None else None

    def takes(self, version: Version) -> bool:
        """Whether a version is one of those asked for."""
        if self.lowest is None:
            return True
        if self.below is None:
            return version == self.lowest
        if version.pre and not (self.lowest.pre and version.release == self.lowest.release):
            return False
        return self.lowest <= version and version.release < self.below

    def best(self, versions: Iterable[Version]) -> Version | None:
        """The highest of the versions asked for, a release before any pre-release where `latest` is asked for."""
        taken = sorted(filter(self.takes, versions), reverse=True)
        if self.lowest is None:
            taken.sort(key=lambda version: bool(version.pre))
        return taken[0] if taken else None


def _caret(given: tuple[int, ...]) -> tuple[int, int, int]:
    # The leftmost part that is not 0 may not change; of zeros only, the last one given.
    at = next((place for place, number in enumerate(given) if number), len(given) - 1)
    return _raised(given, at)


def _tilde(given: tuple[int, ...]) -> tuple[int, int, int]:
    return _raised(given, min(1, len(given) - 1))


def _raised(given: tuple[int, ...], at: int) -> tuple[int, int, int]:
    major, minor, patch = (*given[:at], given[at] + 1, 0, 0)[:3]
    return major, minor, patch
