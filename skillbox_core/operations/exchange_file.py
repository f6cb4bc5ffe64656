"""The file by which a skill goes to a site without an index: one plain tar, read as a stranger's.

Its members come in one order, each a regular file with a name that is known before it is read:

    manifest.json                    what follows, with its digests
    skill.zip                        the stored archive
    environments/{64 digits}.tar.gz  a tree, named after the digest of its uncompressed bytes; none or several

Nothing else is a header that this reader knows: no folders, links, long names, sparse files or devices. So no name of a
file becomes a path here, and no size in a header is believed further than the limit of what it is for.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from skillbox_core.base.names import is_skill_name, shown
from skillbox_core.base.versions import Version
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import Interpreter, Tree

FORMAT = "skillbox-export-1"
MANIFEST = "manifest.json"
SKILL = "skill.zip"
MAX_MANIFEST = 64 * 1024
MAX_ENVIRONMENTS = 4
"""One for each Python that a site's images have. While a file is looked at, each takes its size on the disk here."""
_BLOCK = 512
_CHUNK = 1024 * 1024
_GZIP = 31
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class ExportedTree:
    """A tree in the file, with the lock and the Python that it was made for."""

    lock_digest: str
    interpreter: Interpreter
    tree: Tree

    @property
    def member(self) -> str:
        return f"environments/{self.tree.hex}.tar.gz"


@dataclass(frozen=True)
class Manifest:
    """What the file says of itself.

    Attributes:
        digest: SHA-256 of the skill's archive, hex.
        size: Bytes of it.
    """

    name: str
    version: str
    digest: str
    size: int
    trees: tuple[ExportedTree, ...] = ()

    @property
    def distinct(self) -> dict[str, ExportedTree]:
        """By the digest: of two Pythons that have the same tree, the first. Each is one member of the file."""
        found: dict[str, ExportedTree] = {}
        for one in self.trees:
            found.setdefault(one.tree.digest, one)
        return found

    def text(self) -> str:
        """As it stands in the file."""
        trees = [
            {
                "lock": one.lock_digest,
                "interpreter": one.interpreter.text,
                "digest": one.tree.digest,
                "size": one.tree.size,
            }
            for one in self.trees
        ]
        skill = {"name": self.name, "version": self.version, "digest": self.digest, "size": self.size}
        return json.dumps({"format": FORMAT, "skill": skill, "environments": trees}, indent=2) + "\n"


def read_manifest(data: bytes) -> Manifest:
    """The manifest that these bytes are. Pure.

    Raises:
        InvalidRequestError: They are none, to the letter.
    """
    try:
        document = json.loads(data.decode("ascii"))
        skill, listed = document["skill"], document["environments"]
        trees = tuple(_tree(entry) for entry in listed)
        manifest = Manifest(skill["name"], skill["version"], skill["digest"], skill["size"], trees)
        written = manifest.text()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise refused(f"its {MANIFEST} is not one of {FORMAT}") from None
    fitting = (
        isinstance(manifest.name, str)
        and is_skill_name(manifest.name)
        and isinstance(manifest.version, str)
        and Version.parse(manifest.version) is not None
        and isinstance(manifest.digest, str)
        and _HEX.match(manifest.digest)
        and _is_size(manifest.size)
    )
    # Written anew it must be the same: then nothing in it was passed over.
    if not fitting or written.encode() != data:
        raise refused(f"its {MANIFEST} is not one of {FORMAT}")
    if len(trees) > MAX_ENVIRONMENTS:
        raise refused(f"it has {len(trees)} environments, the limit is {MAX_ENVIRONMENTS}")
    if len({one.interpreter for one in trees}) < len(trees):
        raise refused("it has two environments for one Python")
    if any(manifest.distinct[one.tree.digest].tree != one.tree for one in trees):
        raise refused("it says two sizes of one environment")
    return manifest


def _tree(entry: Any) -> ExportedTree:
    python = Interpreter.parse(entry["interpreter"])
    if python is None or not (_DIGEST.match(entry["lock"]) and _DIGEST.match(entry["digest"])):
        raise ValueError
    if not _is_size(entry["size"]):
        raise ValueError
    return ExportedTree(entry["lock"], python, Tree(entry["digest"], entry["size"]))


def _is_size(value: object) -> bool:
    return type(value) is int and value > 0


def write_export(target: IO[bytes], manifest: Manifest, files: Sequence[Path]) -> None:
    """Writes the file: the same skill and trees give the same bytes.

    Args:
        files: The skill's archive, then a gzip of each distinct tree of the manifest.
    """
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        text = manifest.text().encode()
        tar.addfile(_member(MANIFEST, len(text)), io.BytesIO(text))
        names = [SKILL, *(one.member for one in manifest.distinct.values())]
        for name, path in zip(names, files, strict=True):
            with path.open("rb") as source:
                tar.addfile(_member(name, path.stat().st_size), source)


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


class ExportReader:
    """Reads the members of a file one after the other.

    Args:
        file: At its beginning.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def member(self, name: str, most: int) -> Iterator[bytes]:
        """The bytes of the next member, which must be this one; to be read to their end.

        Args:
            most: How many bytes it may have.

        Raises:
            InvalidRequestError: It is another, too large, or cut off.
        """
        left = self._header(name, most)
        padding = -left % _BLOCK
        while left:
            chunk = self._file.read(min(left, _CHUNK))
            if not chunk:
                raise refused(f"it ends within {name}")
            left -= len(chunk)
            yield chunk
        if self._file.read(padding) != b"\0" * padding:
            raise refused(f"it ends within {name}")

    def unpacked(self, name: str, size: int) -> Iterator[bytes]:
        """The uncompressed bytes of the next member, which must be this one and one gzip of so many bytes.

        Raises:
            InvalidRequestError: It is not.
        """
        unpacker = zlib.decompressobj(_GZIP)
        passed = 0
        # What can't be compressed grows by some bytes for each block; 1 MiB is far more than the largest tree's.
        for chunk in self.member(name, size + size // 1000 + _CHUNK):
            waiting = chunk
            while waiting:
                if unpacker.eof:
                    raise refused(f"{name} has something behind its end")
                try:
                    data = unpacker.decompress(waiting, _CHUNK)
                except zlib.error:
                    raise refused(f"{name} is no gzip") from None
                passed += len(data)
                if passed > size:
                    raise refused(f"{name} is longer than the {size} bytes that the manifest says")
                yield data
                waiting = unpacker.unconsumed_tail or unpacker.unused_data
        if not unpacker.eof or passed != size:
            raise refused(f"{name} has not the {size} bytes that the manifest says")

    def end(self) -> None:
        """Looks that nothing comes behind the members.

        Raises:
            InvalidRequestError: Something does.
        """
        # Zeros fill a tar up to a multiple of 20 blocks.
        rest = self._file.read(tarfile.RECORDSIZE + 2 * _BLOCK + 1)
        if len(rest) < 2 * _BLOCK or len(rest) > tarfile.RECORDSIZE + 2 * _BLOCK or any(rest):
            raise refused("it does not end behind what the manifest names")

    def _header(self, name: str, most: int) -> int:
        block = self._file.read(_BLOCK)
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")  # follows no header to another one
        except (tarfile.HeaderError, ValueError):
            raise refused(f"where {name} should be it has no plain header") from None
        if info.name != name or info.type != tarfile.REGTYPE or info.linkname:
            raise refused(f"it has {shown(info.name)} where {name} should be")
        if not 0 <= info.size <= most:
            raise refused(f"{name} has {info.size} bytes, the limit is {most}")
        return info.size


def refused(why: str) -> InvalidRequestError:
    """The error for a file that is not taken."""
    return InvalidRequestError(
        f"the file is not taken: {why}", hint="`skillbox skill export` of the same release writes such files"
    )
