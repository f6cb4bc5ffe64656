"""A lock: which packages an environment is made of, each with the SHA-256 of its files. A file of the stored skill.

It is written by this package only, and yet read as a stranger's: anybody can push an archive with one in it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.markers import InvalidMarker, Marker
from packaging.utils import is_normalized_name
from packaging.version import InvalidVersion, Version

from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import LOCK, SkillArchive

MAX_LOCK = 8 * 1024 * 1024
"""Bytes. A package with wheels for everything has some ten kilobytes of hashes."""
_FIRST = "# Python packages of this skill, locked by Skillbox. It is written anew when what is asked for changes."
_HEAD = re.compile(
    re.escape(_FIRST) + r"\n# source: (?P<path>[^\n]{1,255})\n# asked: sha256:(?P<asked>[0-9a-f]{64})\n"
    r"# python: (?P<python>3\.\d{1,3}(\.\d{1,3})? (x86_64|aarch64) (glibc|musl) \d{1,3}\.\d{1,4})\n"
    r"# reach: (?P<reach>universal|this platform)\n"
)
_PIN = re.compile(r"(?P<name>[^=;\s]+)==(?P<version>[^;\s]+)(?: ; (?P<marker>[^\n]+))?\Z")
_HASH = re.compile(r"    --hash=sha256:([0-9a-f]{64})\Z")


@dataclass(frozen=True)
class Pin:
    """One package of a lock.

    Attributes:
        marker: Where it is needed, empty for everywhere.
        hashes: SHA-256 of its files, hex, sorted.
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def exact(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def text(self) -> str:
        head = f"{self.exact} ; {self.marker}" if self.marker else self.exact
        return " \\\n".join([head, *(f"    --hash=sha256:{digest}" for digest in self.hashes)]) + "\n"


@dataclass(frozen=True)
class Lock:
    """Packages, and what they were locked from.

    Attributes:
        path: The file of the skill that asks for them.
        asked: Digest of what it asks for, hex (`PythonSource.digest`).
        python: The interpreter that they were locked for, `3.11.2 x86_64 glibc 2.36`.
        universal: Whether it reaches other machines and newer Pythons too.
    """

    path: str
    asked: str
    python: str
    universal: bool
    pins: tuple[Pin, ...]

    @property
    def count(self) -> int:
        """How many packages there are."""
        return len(self.pins)

    @property
    def body(self) -> str:
        """The packages, as an installer reads them."""
        return "".join(pin.text for pin in self.pins)

    @property
    def digest(self) -> str:
        """Of the packages only, so that skills that need the same share one tree."""
        return f"sha256:{hashlib.sha256(self.body.encode()).hexdigest()}"

    @property
    def text(self) -> str:
        """The file. The same packages give the same bytes."""
        reach = "universal" if self.universal else "this platform"
        head = f"# source: {self.path}\n# asked: sha256:{self.asked}\n# python: {self.python}\n# reach: {reach}"
        return f"{_FIRST}\n{head}\n{self.body}"


def read_lock(text: str) -> Lock:
    """The lock that a text is.

    Raises:
        InvalidSkillError: It is none, to the letter.
    """
    head = _HEAD.match(text)
    if head is None:
        raise InvalidSkillError(f"{LOCK} is not as Skillbox writes it", hint="delete it, and push the folder again")
    pins = read_pins(text[head.end() :])
    lock = Lock(head["path"], head["asked"], head["python"], head["reach"] == "universal", pins)
    if lock.text != text:
        raise InvalidSkillError(f"{LOCK} is not as Skillbox writes it", hint="delete it, and push the folder again")
    return lock


def read_pins(text: str) -> tuple[Pin, ...]:
    """The packages in a text of `name==version ; marker` with hashes, written anew from what they mean, sorted.

    Raises:
        InvalidSkillError: A line is something else.
    """
    return tuple(sorted(map(_pin, _entries(text)), key=lambda pin: (pin.name, pin.version, pin.marker)))


def _entries(text: str) -> Iterator[list[str]]:
    for entry in re.split(r"(?<! \\)\n", text):
        if entry:
            yield entry.split(" \\\n")


def _pin(lines: list[str]) -> Pin:
    match = _PIN.match(lines[0])
    hashes = [_HASH.match(line) for line in lines[1:]]
    if match is None or not hashes or not all(hashes) or not is_normalized_name(match["name"]):
        raise _no_pin(lines[0])
    try:
        version = str(Version(match["version"]))
        marker = str(Marker(match["marker"])) if match["marker"] else ""
    except (InvalidVersion, InvalidMarker):
        raise _no_pin(lines[0]) from None
    return Pin(match["name"], version, marker, tuple(sorted({found[1] for found in hashes if found})))


def _no_pin(line: str) -> InvalidSkillError:
    return InvalidSkillError(f"{LOCK}: {shown(line)} is no package with a version and its SHA-256")


def lock_of(archive: SkillArchive) -> Lock | None:
    """The lock that a skill has; None for one that needs no environment.

    Raises:
        InvalidSkillError: What is there by that name is none.
    """
    text = None if archive.vendored else lock_text(archive, "python")
    return None if text is None else read_lock(text)


def lock_text(archive: SkillArchive, lang: str) -> str | None:
    """The text of the lock of a skill in this language; None where it has none, or wants nothing prepared.

    Raises:
        InvalidSkillError: It is too large, or no text.
    """
    file = next((file for file in archive.files if file.path == LOCK), None)
    if file is None or not archive.manifest.environment or archive.lang != lang:
        return None
    if file.size > MAX_LOCK:
        raise InvalidSkillError(f"{LOCK} is over {MAX_LOCK // 1024**2} MiB")
    try:
        return b"".join(archive.read(file)).decode("ascii")
    except UnicodeDecodeError:
        raise InvalidSkillError(f"{LOCK} is not ASCII") from None
