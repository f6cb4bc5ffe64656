"""Objects behind URLs, by fsspec: what is known of one beforehand, and its bytes."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from skillbox_core.base.paths import path_problem
from skillbox_core.errors import InvalidRequestError, StorageError
from skillbox_core.inputs.sources import shown_url, split_url
from skillbox_core.settings import Settings
from skillbox_core.storage.objects import BLOCK, CHUNK, s3_filesystem

_MARKS = ("etag", "content-md5", "digest", "md5hash", "checksum", "last-modified", "lastmodified", "updated", "mtime")
"""What the stores that fsspec knows say of an object's contents, in lower case."""

_LOCAL = frozenset({"file", "local", "generic", "dir", "memory"})
"""Backends that open this machine's files, or whatever is behind a URL inside the URL."""

_SECRET = re.compile(r"""\?[^\s'"]*|(?<=//)[^/\s@]*@""")
"""The query and the user of a URL inside a text."""


@dataclass(frozen=True)
class RemoteObject:
    """One object.

    Attributes:
        size: Bytes, None where the store doesn't say.
        mark: What the store says that changes with the contents; empty where it says nothing.
    """

    url: str
    size: int | None
    mark: str
    _filesystem: Any
    _path: str

    def read(self) -> Iterator[bytes]:
        """Its bytes in chunks."""
        web = "http" in _protocols(self._filesystem)
        # Not every web server can send parts: 0 reads one answer from its beginning to its end.
        with (
            _faults(self.url),
            self._filesystem.open(self._path, "rb", block_size=0 if web else BLOCK) as file,
        ):
            while chunk := file.read(CHUNK):
                yield chunk


def find_remote(settings: Settings, tenant: str, url: str) -> RemoteObject:
    """Looks an object up.

    Raises:
        InvalidRequestError: There is none, it is not one object, or it is not for this tenant.
        StorageError: Its store can't be reached, or failed.
    """
    filesystem, path = _filesystem(settings, tenant, url)
    with _faults(url):
        info = filesystem.info(path)
    if info.get("type", "file") != "file":
        raise InvalidRequestError(f"{shown_url(url)} is not one object", hint="give the URL of each file")
    size = info.get("size")
    return RemoteObject(url, int(size) if size is not None else None, mark_of(info), filesystem, path)


@contextmanager
def _faults(url: str) -> Iterator[None]:
    """Faults of any store, without the secrets of a signed URL: not in the message, not in a chain of causes."""
    try:
        yield
    except Exception as error:  # each fsspec backend has exceptions of its own, with no base in common
        # On the web, fsspec says "not found" of every answer that is no success, and of none at all.
        cause = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
        if isinstance(cause, FileNotFoundError) or getattr(cause, "status", None) in (404, 410):
            raise InvalidRequestError(f"there is no {shown_url(url)}") from None
        raise StorageError(f"{shown_url(url)} can't be fetched: {_said(cause)}") from None


def _said(error: BaseException) -> str:
    return _SECRET.sub("", " ".join(str(error).split()))[:300] or type(error).__name__


def mark_of(info: Mapping[str, Any]) -> str:
    """What an fsspec store says of an object that changes with its contents; empty for nothing. Pure."""
    said = {str(name).lower(): str(value) for name, value in info.items() if value is not None}
    return " ".join(f"{name}={said[name]}" for name in _MARKS if said.get(name, "").strip(' "'))


def _filesystem(settings: Settings, tenant: str, url: str) -> tuple[Any, str]:
    import fsspec

    parts = split_url(url)
    if "::" in url:
        raise InvalidRequestError(f"{shown_url(url)} is a chain of URLs, which is not taken")
    own = {settings.s3_bucket_skills, settings.s3_bucket_executions}
    if parts.scheme in ("s3", "s3a") and settings.s3_endpoint and parts.netloc in own:
        # These keys open every tenant's objects, so what they are used for is checked here.
        key = url.partition("://")[2].partition("/")[2]
        if path_problem(key) or not key.startswith(f"{tenant}/"):
            raise InvalidRequestError(f"there is no {shown_url(url)} for tenant {tenant}")
        return s3_filesystem(settings, settings.s3_endpoint), f"{parts.netloc}/{key}"
    try:
        filesystem, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ConnectionError, TimeoutError, socket.gaierror) as error:
        raise StorageError(f"{shown_url(url)} can't be fetched: {_said(error)}") from None
    except Exception as error:  # what a backend makes of a URL that it can't open has no base in common
        text = _said(error)
        raise InvalidRequestError(f"{shown_url(url)} can't be opened: {text}") from None
    if _LOCAL.intersection(_protocols(filesystem)):
        raise InvalidRequestError(f"{shown_url(url)} is a file of this machine", hint="give its path")
    # As the store reads it: s3:///bucket/key names no bucket where a URL has it, and opens one.
    if "s3" in _protocols(filesystem) and settings.s3_endpoint and filesystem.split_path(path)[0] in own:
        raise InvalidRequestError(f"{shown_url(url)} is not how an object of this installation is named")
    return filesystem, str(path)


def _protocols(filesystem: Any) -> tuple[str, ...]:
    names = filesystem.protocol
    return (names,) if isinstance(names, str) else tuple(names)
