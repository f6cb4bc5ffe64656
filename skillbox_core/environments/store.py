"""Trees by digest, in the bucket of the skills: one for all skills, tenants and engines that need the same packages.

They are kept compressed, and named after the bytes that are inside: so how they are compressed may change, and a
tree that was swapped has another digest than its name says.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from isal import isal_zlib

from skillbox_core.base.names import ENVIRONMENTS
from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import ChangedObjectError, StorageError
from skillbox_core.storage.objects import Bucket

CHUNK = 1024 * 1024
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})\Z")
_LEVEL = 1
"""Of isal, as small as zlib's, in a third of its time."""
_GZIP = 31
"""The window bits for one gzip member."""


class EnvironmentStore:
    """Trees in a bucket.

    Args:
        bucket: That of the skills.
        max_size: Bytes that a tree may have, uncompressed.
    """

    def __init__(self, bucket: Bucket, max_size: int) -> None:
        self._bucket = bucket
        self._max_size = max_size

    def has(self, digest: str) -> bool:
        """Whether there is a tree of this digest; its bytes are checked when they are read."""
        return self._bucket.size(_key(digest)) is not None

    def digests(self) -> list[str]:
        """Which trees there are."""
        return [digest for name in self._bucket.names(ENVIRONMENTS) if _DIGEST.match(digest := f"sha256:{name}")]

    def put(self, tar: Path, digest: str) -> None:
        """Stores a tree. The same digest again is fine.

        Args:
            tar: An uncompressed tar. A draft is written beside it.
            digest: Of its bytes.

        Raises:
            StorageError: It could not be stored; calling again is safe.
        """
        key = _key(digest)
        draft = tar.with_name(f"{tar.name}.gz")
        try:
            packer = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
            with tar.open("rb") as source, draft.open("wb") as target:
                while chunk := source.read(CHUNK):
                    target.write(packer.compress(chunk))
                target.write(packer.flush())
            self._bucket.put(draft, key, final=True)
        finally:
            draft.unlink(missing_ok=True)

    def open(self, digest: str) -> Iterator[bytes]:
        """The uncompressed tar in chunks. Only who reads it to its end knows that it is the one.

        Raises:
            StorageError: There is no such tree, or the store failed.
            ChangedObjectError: It is not what was stored: raised at its end at the latest.
        """
        hashed, size = hashlib.sha256(), 0
        for chunk in self._unpacked(digest):
            size += len(chunk)
            if size > self._max_size:
                raise ChangedObjectError(
                    f"the stored environment {digest} is over this installation's limit of "
                    f"{format_bytes(self._max_size)}",
                    hint="SKILLBOX_MAX_TREE_SIZE",
                )
            hashed.update(chunk)
            yield chunk
        if f"sha256:{hashed.hexdigest()}" != digest:
            raise _changed(digest)

    def _unpacked(self, digest: str) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(_GZIP)
        try:
            for chunk in self._bucket.read(_key(digest)):
                waiting = chunk
                while waiting:
                    if unpacker.eof:
                        raise _changed(digest)
                    yield unpacker.decompress(waiting, CHUNK)
                    waiting = unpacker.unconsumed_tail or unpacker.unused_data
        except FileNotFoundError:
            raise StorageError(
                f"the environment {digest} is not in {self._bucket.place}",
                hint="it is made anew when a skill that needs it is loaded",
            ) from None
        except zlib.error:
            raise _changed(digest) from None
        if not unpacker.eof:
            raise _changed(digest)


def _key(digest: str) -> str:
    found = _DIGEST.match(digest)
    if found is None:
        raise ValueError(f"{digest!a} is no digest of a tree")
    return f"{ENVIRONMENTS}/{found[1]}"


def _changed(digest: str) -> ChangedObjectError:
    return ChangedObjectError(
        f"the stored environment {digest} is not what was stored: its digest has changed",
        hint=f"who writes to the bucket of the skills? Without {_key(digest)} there it is made anew from its lock",
    )
