"""Buckets of objects, by fsspec: S3 through s3fs where an endpoint is set, else folders in the home folder.

Keys are joined from checked names only (`skillbox_core.base.names`), so none can leave its bucket.
"""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from skillbox_core.base.files import make_private, sizes_below
from skillbox_core.base.text import without_user
from skillbox_core.errors import DiskError, SkillboxError, StorageError
from skillbox_core.settings import Settings
from skillbox_core.storage.s3_keys import keys_below

BLOCK = 8 * 1024 * 1024
"""Bytes that go to or come from an object store at once; s3fs's own measure, 50 MiB, would lie in memory, twice."""
CHUNK = 1024 * 1024
CONNECT_SECONDS = 5
ANSWER_SECONDS = 20
"""How long an object store has for an answer, and for each piece of a long one."""
SLOWEST = 256 * 1024
"""Bytes a second that a transfer makes at least, beside `ANSWER_SECONDS` for each of its exchanges."""
FETCH_SECONDS = 900
"""How long an object may take to come, however steadily it trickles."""
DRAFTS = ".drafts"
"""Folder of a local bucket for objects that are still being written; no name that is listed begins so."""
DRAFT_SECONDS = 3600
"""A draft that was not written to for so long is what a killed process left."""


@contextmanager
def _storage_faults(action: str) -> Iterator[None]:
    """Faults of any object store as `StorageError`; `FileNotFoundError` is an answer and passes."""
    try:
        yield
    except (SkillboxError, FileNotFoundError):
        raise
    except Exception as error:  # each fsspec backend has exceptions of its own, with no base in common
        text = " ".join(str(error).split())[:300] or type(error).__name__
        raise StorageError(f"the object store failed to {action}: {text}") from error


def s3_filesystem(settings: Settings, endpoint: str) -> Any:
    """The installation's own object store, by any of its addresses."""
    import fsspec

    scheme = "https" if settings.s3_use_ssl else "http"
    filesystem = fsspec.filesystem(
        "s3",
        key=settings.s3_access_key,
        secret=settings.s3_secret_key,
        endpoint_url=endpoint if "://" in endpoint else f"{scheme}://{endpoint}",
        client_kwargs={"region_name": settings.s3_region},
        # The old scheme is what s3fs would sign URLs with; path style is what a host without DNS needs.
        config_kwargs={
            "signature_version": "s3v4",
            "s3": {"addressing_style": "path"},
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": ANSWER_SECONDS,
            # Beside the steps' own retries a second try at once is enough.
            "retries": {"total_max_attempts": 2, "mode": "standard"},
        },
        use_listings_cache=False,
    )
    # Its own retries would be taken for each of botocore's.
    filesystem.retries = 1
    return filesystem


def publish(draft: Path, target: Path) -> None:
    """Gives a finished file its place, and makes the folders above it; at a power cut it is there whole or not at all.

    Raises:
        OSError: The disk is full, or can't be written.
    """
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    make_private(target.parent)
    draft.replace(target)


@dataclass(frozen=True)
class Serving:
    """What a store tells a browser of an object: its type, and what to do with it."""

    content_type: str
    disposition: str


class Bucket:
    """One bucket: files by key, streamed to and from local paths."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self.name = name

    @property
    def local(self) -> bool:
        """Whether this is a folder on this machine."""
        return not self._settings.s3_endpoint

    @property
    def place(self) -> str:
        """Where it is, for a reader: no password, and no user, stands in it."""
        return self._root if self.local else f"s3://{self.name} at {without_user(self._settings.s3_endpoint)}"

    @cached_property
    def _root(self) -> str:
        return str(self._settings.home / "store" / self.name) if self.local else self.name

    @cached_property
    def _fs(self) -> Any:
        import fsspec

        if self.local:
            return fsspec.filesystem("file", auto_mkdir=True)
        return s3_filesystem(self._settings, self._settings.s3_endpoint)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def put(self, source: Path, key: str, serving: Serving | None = None, *, final: bool = False) -> None:
        """Stores a local file. It becomes visible whole or not at all; the same key is replaced.

        Args:
            serving: How it is served to a browser; a folder keeps nothing of it.
            final: Nobody will write to this file again, so a folder beside it may have it without a copy.
        """
        with _storage_faults(f"store {key}"):
            if self.local:
                draft = self._draft()
                try:
                    if not (final and _linked(source, draft)):
                        self._fs.put_file(str(source), str(draft))
                    publish(draft, Path(self._path(key)))
                finally:
                    draft.unlink(missing_ok=True)
                return
            try:
                self._upload(source, key, serving)
            except FileNotFoundError:
                with suppress(FileExistsError):
                    self._fs.mkdir(self._root)
                self._upload(source, key, serving)

    def _draft(self) -> Path:
        """A name in the bucket's own file system for a new file, with room for it from those of the dead."""
        drafts = Path(self._root, DRAFTS)
        make_private(drafts)
        for old in drafts.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - old.stat().st_mtime > DRAFT_SECONDS:
                    old.unlink()
        return drafts / uuid.uuid4().hex

    def _upload(self, source: Path, key: str, serving: Serving | None) -> None:
        # The client's own time limits don't hold while it waits to be told to go on with the body.
        limit = 3 * ANSWER_SECONDS + source.stat().st_size / SLOWEST
        told = {"ContentType": serving.content_type, "ContentDisposition": serving.disposition} if serving else {}
        self._fs.put_file(str(source), self._path(key), chunksize=BLOCK, max_concurrency=1, timeout=limit, **told)

    def get(self, key: str, target: Path) -> None:
        """Fetches an object into a local file.

        Raises:
            FileNotFoundError: There is no such object.
            DiskError: There is no room for the file.
            StorageError: The object store failed.
        """
        with _storage_faults(f"fetch {key}"):
            try:
                self._fs.get_file(self._path(key), str(target), **({} if self.local else {"timeout": FETCH_SECONDS}))
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise DiskError(f"{key} could not be written to {target.parent}: {error.strerror}") from error
                raise

    def read(self, key: str) -> Iterator[bytes]:
        """An object in chunks; raises `FileNotFoundError` when there is none."""
        with _storage_faults(f"fetch {key}"), self._fs.open(self._path(key), "rb", block_size=BLOCK) as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def read_part(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """Some of an object's bytes, in chunks; fewer where it ends before. Raises as `read`."""
        # One request for each piece, and none to look the object up.
        for begin in range(offset, offset + length, BLOCK):
            with _storage_faults(f"fetch {key}"):
                end = min(begin + BLOCK, offset + length)
                piece: bytes = self._fs.cat_file(self._path(key), start=begin, end=end)
            yield piece
            if len(piece) < end - begin:
                return

    def size(self, key: str) -> int | None:
        """Bytes of an object, None when there is none."""
        with _storage_faults(f"look up {key}"):
            try:
                return int(self._fs.info(self._path(key))["size"])
            except FileNotFoundError:
                return None

    def names(self, prefix: str) -> list[str]:
        """The names directly below a prefix, sorted: of objects, and of folders with objects in them."""
        with _storage_faults(f"list {prefix or self.name}"):
            try:
                found = self._fs.ls(self._path(prefix).rstrip("/"), detail=False)
            except FileNotFoundError:
                return []
            if self.local:
                # S3 has no empty folders; here they come before their object, and stay when it fails to come.
                found = [path for path in found if _holds_object(path)]
        names = {str(path).rstrip("/").rsplit("/", 1)[-1] for path in found}
        return sorted(name for name in names if not name.startswith("."))

    def sizes(self, prefix: str) -> dict[str, int]:
        """The keys of all objects below a prefix, with their bytes; none of them is opened."""
        with _storage_faults(f"list {prefix}"):
            if self.local:
                found = sizes_below(self._path(prefix))
                return {f"{prefix}/{path}": size for path, size in found.items()}
            try:
                return keys_below(self._fs, self._root, f"{prefix}/")
            except FileNotFoundError:
                return {}

    def delete(self, key: str) -> None:
        """Removes an object; one that is gone is fine."""
        with _storage_faults(f"delete {key}"):
            try:
                self._fs.rm_file(self._path(key))
            except FileNotFoundError:
                return
            if self.local:
                parent = Path(self._path(key)).parent
                while parent != Path(self._root) and parent.is_dir() and not any(parent.iterdir()):
                    parent.rmdir()
                    parent = parent.parent

    def url(self, key: str, disposition: str | None = None) -> str:
        """An address for an object: signed and short-lived on S3, a file URL for a folder.

        Args:
            disposition: What the store is to answer with, whatever it was told when the object was stored.
        """
        with _storage_faults(f"sign {key}"):
            if self.local:
                return Path(self._path(key)).as_uri()
            public = self._settings.s3_public_endpoint
            fs = s3_filesystem(self._settings, public) if public else self._fs
            asked = {"ResponseContentDisposition": disposition} if disposition else {}
            return str(fs.sign(self._path(key), expiration=self._settings.url_expiry, **asked))

    def exists(self) -> bool:
        """Whether it is there; the first object that is stored makes it."""
        with _storage_faults(f"look up {self.name}"):
            return bool(self._fs.exists(self._root))

    def check(self) -> None:
        """Proves that the bucket can be written and read."""
        from tempfile import TemporaryDirectory

        key = f".skillbox-check-{uuid.uuid4().hex}"
        with TemporaryDirectory() as folder:
            probe = Path(folder) / "probe"
            probe.write_bytes(b"skillbox")
            self.put(probe, key)
            self.get(key, Path(folder) / "back")
            self.delete(key)


def _linked(source: Path, target: Path) -> bool:
    """Gives a file a second name; false where that can't be, as on another file system."""
    try:
        target.hardlink_to(source)
        # A draft that is old is taken for a dead process's.
        os.utime(target)
    except OSError:
        return False
    return True


def _holds_object(path: str) -> bool:
    return Path(path).is_file() or any(not name.startswith(".") for _, _, names in os.walk(path) for name in names)
