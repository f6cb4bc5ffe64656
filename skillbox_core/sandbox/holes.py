"""Known holes in engines, runtimes and containerd, as data, and what a version means for them. Pure.

From public advisories as read in November 2026. A distribution's build may carry a fix without the version
that says so; such builds are reported as unknown, not as safe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Hole:
    """A published hole: in what, under which identifiers, and the first fixed version of each release line."""

    component: str
    ids: tuple[str, ...]
    fixed: tuple[tuple[int, int, int], ...]
    what: str


HOLES = (
    Hole("runc", ("CVE-2024-21626",), ((1, 1, 12),), "a leaked file descriptor gives the host's file system"),
    Hole(
        "runc",
        ("CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"),
        ((1, 2, 8), (1, 3, 3), (1, 4, 0)),
        "masked paths and /dev/console can be redirected",
    ),
    Hole("runc", ("CVE-2026-41579",), ((1, 3, 6), (1, 4, 3)), "see the advisory"),
    Hole("engine", ("CVE-2024-41110",), ((27, 1, 1),), "authorisation plug-ins can be bypassed"),
    Hole("engine", ("CVE-2026-34040",), ((29, 3, 1),), "authorisation plug-ins can be bypassed"),
    Hole("engine", ("CVE-2026-41567", "CVE-2026-41568"), ((29, 5, 1),), "archive and copy calls; not used here"),
    Hole("engine", ("CVE-2026-17106",), ((29, 7, 0),), "copy calls; not used here"),
    Hole("containerd", ("CVE-2024-40635",), ((1, 6, 38), (1, 7, 27), (2, 0, 4)), "a large user id becomes root"),
    Hole(
        "containerd",
        ("CVE-2026-46680",),
        ((1, 7, 32), (2, 0, 9), (2, 2, 4), (2, 3, 1)),
        "a large user id becomes root",
    ),
)


def parse_version(text: str) -> tuple[int, int, int] | None:
    """The numbers of a version such as `20.10.24+dfsg1` or `1.1.5~ds1`."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def is_distribution_build(text: str) -> bool:
    """Whether the version looks like a distribution's own build, which may carry back-ports."""
    return any(mark in text for mark in ("dfsg", "ds1", "deb", "ubuntu", "+", "~"))


def open_holes(component: str, version: str, holes: Iterable[Hole] = HOLES) -> list[Hole]:
    """The holes that a version has by its number: below the fix of its own release line, or before them all."""
    numbers = parse_version(version)
    if numbers is None:
        return []
    return [hole for hole in holes if hole.component == component and not _is_fixed(numbers, hole.fixed)]


def _is_fixed(version: tuple[int, int, int], fixed: tuple[tuple[int, int, int], ...]) -> bool:
    same_line = [fix for fix in fixed if fix[:2] == version[:2]]
    return version >= (same_line[0] if same_line else max(fixed))
