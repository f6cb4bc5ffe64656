"""A tree: the files of an environment as one tar, the same bytes wherever and whenever it is made.

Owner, times and order are fixed, and modes are one of two. Its paths are below the user base, which is where Python
looks for the packages of a user: after the standard library, and before the image's own packages. Members of the tar
carry the whole path, so that a tree's digest is that of the bytes which an engine unpacks at its root.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from skillbox_core.base.names import shown
from skillbox_core.base.paths import path_key, path_problem
from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Tree
from skillbox_core.sandbox.site_packages import USER_BASE

_COUNTED = 4
"""Times the limit to which files are counted."""
MAX_PATH = 1000
MAX_DEPTH = 40
"""Wider than for strangers' archives: packages have folders in folders, and an image's file system takes them."""
_TIME = 315532800
"""1 January 1980 UTC, the first moment that every format of an archive can say."""
_BLOCK = 512
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Member:
    """A file of a tree.

    Attributes:
        path: Below the user base.
        source: Where its bytes are, or they themselves.
    """

    path: str
    source: Path | bytes
    executable: bool = False

    @property
    def size(self) -> int:
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    def read(self) -> Iterator[bytes]:
        """Its bytes in chunks."""
        if isinstance(self.source, bytes):
            yield self.source
            return
        with self.source.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


def check_members(members: Sequence[Member], max_size: int, max_files: int) -> None:
    """Refuses files that can't be a tree.

    Raises:
        InvalidSkillError: Names the file and the rule.
    """
    if len(members) > max_files:
        raise _too_many(f"{len(members)} files", max_files)
    seen: dict[str, str] = {}
    total = 0
    for member in members:
        if problem := _problem(member.path):
            raise _refused(member.path, problem)
        for path in (*_parents(member.path), member.path):
            other = seen.setdefault(path_key(path), path)
            if other != path:
                raise _refused(path, f"it differs from {shown(other)} in case or form only")
        total += member.size
    if total > max_size:
        raise InvalidSkillError(
            f"the packages are {format_bytes(total)}, this installation's limit is {format_bytes(max_size)}",
            hint="SKILLBOX_MAX_TREE_SIZE",
        )
    files = {member.path for member in members}
    if len(files) < len(members):
        raise InvalidSkillError("the packages have two files of one name")
    for path in files:
        for parent in _parents(path):
            if parent in files:
                raise _refused(path, "its path leads through a file")


def check_count(counted: int, most: int) -> None:
    """Refuses packages while their files are counted: not at the limit, so that an error can say how many there are.

    Raises:
        InvalidSkillError: There are more than anybody needs to count.
    """
    if counted > _COUNTED * most:
        raise _too_many(f"over {counted - 1} files", most)


def _too_many(files: str, most: int) -> InvalidSkillError:
    return InvalidSkillError(
        f"the packages have {files}, this installation's limit is {most}", hint="SKILLBOX_MAX_TREE_FILES"
    )


def _problem(path: str) -> str | None:
    if len(path.encode(errors="surrogatepass")) > MAX_PATH:
        return f"its path is over {MAX_PATH} bytes"
    parts = path.split("/")
    if len(parts) > MAX_DEPTH:
        return f"its path is over {MAX_DEPTH} levels deep"
    return next(filter(None, map(path_problem, parts)), None)


def _refused(path: str, why: str) -> InvalidSkillError:
    return InvalidSkillError(
        f"a package has the file {shown(path)}, which is refused: {why}",
        hint="use an image that has the package (`image:` and `environment: none` in SKILL.md)",
    )


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def write_tree(members: Iterable[Member], target: Path) -> Tree:
    """Writes checked members as a tar; the order in which they are given does not matter.

    Args:
        target: The uncompressed tar.
    """
    hashed, size = hashlib.sha256(), 0
    with target.open("wb") as file:
        for chunk in _chunks(sorted(members, key=lambda member: member.path.split("/"))):
            file.write(chunk)
            hashed.update(chunk)
            size += len(chunk)
    return Tree(f"sha256:{hashed.hexdigest()}", size)


def _chunks(members: Iterable[Member]) -> Iterator[bytes]:
    made: set[str] = set()
    root = USER_BASE.removeprefix("/")
    yield _header(root, tarfile.DIRTYPE, 0o755, 0)
    for member in members:
        for folder in _parents(member.path):
            if folder not in made:
                made.add(folder)
                yield _header(f"{root}/{folder}", tarfile.DIRTYPE, 0o755, 0)
        size = member.size
        yield _header(f"{root}/{member.path}", tarfile.REGTYPE, 0o755 if member.executable else 0o644, size)
        yield from member.read()
        yield b"\0" * (-size % _BLOCK)
    yield b"\0" * 2 * _BLOCK


def _header(path: str, kind: bytes, mode: int, size: int) -> bytes:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.size, info.mtime = kind, mode, size, _TIME
    return info.tobuf(tarfile.PAX_FORMAT)
