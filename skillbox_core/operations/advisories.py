"""Known holes below a sandbox, as data, and what a version means for them. Pure.

From public advisories as read in November 2026. A distribution's build may carry a fix without the version
that says so; such builds are reported as unknown, not as safe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Numbers = tuple[int, int, int, int]
"""Major, minor, patch, and the number of a release candidate; a release comes after all of its candidates."""

_RELEASE = 1_000_000


@dataclass(frozen=True)
class Hole:
    """A published hole.

    Attributes:
        component: What has it: `engine`, `runc`, `containerd`, `kernel`, `desktop` or `python` (the worker's).
        fixed: The first fixed version of each release line.
        what: What it gives to an attacker.
        here: Why a sandbox of this project does not offer it; empty where nothing but the fix helps.
        since: The first version that has it.
    """

    component: str
    ids: tuple[str, ...]
    fixed: tuple[str, ...]
    what: str
    here: str
    since: str = "0.0"


HOLES = (
    Hole(
        "runc",
        ("CVE-2024-21626",),
        ("1.1.12",),
        "a leaked file descriptor gives the host's file system",
        "the working directory is fixed, and nobody but the project runs commands in a sandbox",
    ),
    Hole(
        "runc",
        ("CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"),
        ("1.2.8", "1.3.3", "1.4.0-rc.3"),
        "masked paths and /dev/console can be redirected by a race between containers that share a mount",
        "there is no terminal, and no volume is shared",
    ),
    Hole(
        "runc",
        ("CVE-2026-41579",),
        ("1.3.6", "1.4.3"),
        "an image whose /dev is a link makes runc create and remove links on the host",
        "images come from the allowlist, and this kind of engine puts its own layer over /dev",
    ),
    Hole(
        "engine",
        ("CVE-2024-41110",),
        ("23.0.15", "25.0.6", "26.1.5", "27.1.1"),
        "authorisation plug-ins can be bypassed",
        "nothing leans on such a plug-in",
    ),
    Hole(
        "engine",
        ("CVE-2026-34040",),
        ("29.3.1",),
        "authorisation plug-ins can be bypassed",
        "nothing leans on such a plug-in",
    ),
    Hole(
        "engine",
        ("CVE-2026-41567",),
        ("29.5.1",),
        "an archive that is put into a container is unpacked by the container's own program, as root",
        "no archive call is made",
    ),
    Hole(
        "engine",
        ("CVE-2026-41568", "CVE-2026-42306"),
        ("29.5.1",),
        "a copy into or out of a container can be redirected to the host",
        "no copy call is made",
    ),
    Hole(
        "engine",
        ("CVE-2026-17106",),
        ("29.7.0",),
        "a copy into or out of a container can be redirected to the host",
        "no copy call is made",
    ),
    Hole(
        "engine",
        ("CVE-2018-15664",),
        ("18.09.7", "19.03.0"),
        "a copy into or out of a container can be redirected to the host",
        "no copy call is made",
    ),
    Hole(
        "engine",
        ("CVE-2019-14271",),
        ("19.03.1",),
        "a copy loads libraries of the container as root",
        "no copy call is made",
        since="19.03.0",
    ),
    Hole(
        "containerd",
        ("CVE-2024-40635",),
        ("1.6.38", "1.7.27", "2.0.4"),
        "a user number that is too large becomes root",
        "the user is set as a number in range",
    ),
    Hole(
        "containerd",
        ("CVE-2026-46680",),
        ("1.7.32", "2.0.9", "2.2.4", "2.3.1"),
        "a user number that is too large becomes root",
        "the user is set as a number in range",
    ),
    Hole(
        "kernel",
        ("CVE-2026-31431",),
        ("5.10.254", "5.15.204", "6.1.170", "6.6.137", "6.12.85", "6.18.22", "6.19.12", "7.0"),
        "AF_ALG sockets write into the page cache of files that can only be read",
        "the system call filter refuses AF_ALG",
        since="4.14",
    ),
    Hole(
        "desktop",
        ("CVE-2025-9074",),
        ("4.44.3",),
        "a container reaches the engine's API over the network",
        "there is no network",
    ),
    Hole(
        "python",
        ("CVE-2024-0450",),
        ("3.11.8", "3.12.2"),
        "zipfile reads entries that overlap, so a small archive becomes a large one",
        "archives are checked by the project's own reader",
    ),
    Hole(
        "python",
        ("CVE-2024-12718", "CVE-2025-4138", "CVE-2025-4330", "CVE-2025-4517"),
        ("3.11.13", "3.12.11", "3.13.4"),
        "tarfile's filters let an entry out of its folder",
        "nothing is extracted by a name that a skill chose",
    ),
)


@dataclass(frozen=True)
class Advisory:
    """A published hole that a component here has by its version.

    Attributes:
        id: The identifiers, separated by blanks.
        distribution: Whether the build may carry the fix without the version that says so.
    """

    id: str
    component: str
    version: str
    fixed: tuple[str, ...]
    what: str
    here: str
    distribution: bool

    @property
    def unfenced(self) -> bool:
        """Whether nothing but the fix helps, and the version says that it is not there."""
        return not self.here and not self.distribution


def advisories(components: Mapping[str, str], distribution: Mapping[str, bool] | None = None) -> list[Advisory]:
    """What is published against some versions.

    Args:
        components: Version by component; empty where it is not known.
        distribution: Whether it is a distribution's build, where the version does not say so.
    """
    told = distribution or {}
    return [
        Advisory(
            " ".join(hole.ids), component, version, hole.fixed, hole.what, hole.here,
            told.get(component, is_distribution_build(component, version)),
        )
        for component, version in components.items()
        for hole in open_holes(component, version)
    ]  # fmt: skip


def parse_version(text: str) -> Numbers | None:
    """The numbers of a version such as `20.10.24+dfsg1`, `1.1.5~ds1`, `1.4.0-rc.3` or `6.18.44-generic`."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?(?:-rc\.?(\d+))?", text)
    if match is None:
        return None
    major, minor, patch, candidate = match.groups()
    return int(major), int(minor), int(patch or 0), int(candidate) if candidate else _RELEASE


def is_distribution_build(component: str, text: str) -> bool:
    """Whether the version looks like a distribution's own build, which may carry back-ports."""
    if component == "kernel":
        # A kernel's own releases have a bare number; every builder adds something.
        return "-" in text
    return any(mark in text for mark in ("dfsg", "ds1", "deb", "ubuntu", "+", "~"))


def open_holes(component: str, version: str, holes: Iterable[Hole] = HOLES) -> list[Hole]:
    """The holes that a version has by its number: below the fix of its own release line, or before them all."""
    numbers = parse_version(version)
    if numbers is None:
        return []
    return [hole for hole in holes if hole.component == component and _has(numbers, hole)]


def _has(version: Numbers, hole: Hole) -> bool:
    since, *fixed = (numbers for text in (hole.since, *hole.fixed) if (numbers := parse_version(text)))
    same_line = [fix for fix in fixed if fix[:2] == version[:2]]
    return since <= version < (same_line[0] if same_line else max(fixed))
