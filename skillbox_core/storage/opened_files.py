"""Files that people open: each is an object of its own beside the archive, so that a link shows or downloads it.

Who wrote such a file is a stranger, and whoever follows its link is in the origin of the store: a page or a drawing
that ran a script there could use what the browser has for it. So only pictures made of pixels are shown in place, and
only those whose first bytes say so. All else is a download, and what may hold a script (HTML, SVG, XML) has no type
that a browser runs, in case something between the store and the browser drops the disposition.

Which files these are follows from a record alone, from names, sizes and their order, so it is written nowhere else.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from skillbox_core.base.file_archive import Span, read_span, unpack
from skillbox_core.errors import DiskError, StorageError
from skillbox_core.models import Artifacts, FileDigest
from skillbox_core.storage.objects import Bucket, Serving

MAX_OPENED = 16
"""Files of a run: each is another request to the store, for which the run waits."""
MAX_OPENED_SIZE = 8 * 1024 * 1024
MAX_OPENED_SIZES = 32 * 1024 * 1024
"""Bytes of them together: they are stored twice."""
HEAD = 1024
"""Bytes at a file's beginning that tell what it is."""

_UNKNOWN = "application/octet-stream"
_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".htm": _UNKNOWN,
    ".html": _UNKNOWN,
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".log": "text/plain; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": _UNKNOWN,
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
}
_BEGINNINGS = {
    "application/pdf": re.compile(rb"%PDF-"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]+")


def opened_files(files: Sequence[FileDigest]) -> tuple[FileDigest, ...]:
    """Those of a run's files that have an object of their own: the first small ones, by their paths."""
    chosen: list[FileDigest] = []
    room = MAX_OPENED_SIZES
    for file in sorted(files, key=lambda file: file.path):
        # "?versionId=" ends a key for the client of the store: two files would be one.
        if _suffix(file.path) not in _TYPES or "?" in file.path or not 0 < file.size <= min(MAX_OPENED_SIZE, room):
            continue
        chosen.append(file)
        room -= file.size
        if len(chosen) == MAX_OPENED:
            break
    return tuple(chosen)


def opened_key(archive_key: str, path: str) -> str:
    """Where a file lies as an object of its own: `files/{path}` beside `files.tar.gz`; each attempt has its own."""
    return f"{archive_key.removesuffix('.tar.gz')}/{path}"


def opened_keys(artifacts: Artifacts) -> Iterator[tuple[FileDigest, str]]:
    """All of them that lie beside an archive, each with its key."""
    return ((file, opened_key(artifacts.key, file.path)) for file in opened_files(artifacts.files))


def serving(path: str, head: bytes) -> Serving:
    """How a file is served.

    Args:
        path: Its name says what it is meant to be.
        head: The first `HEAD` bytes; where they say something else, it is bytes and no more.
    """
    kind = _TYPES.get(_suffix(path), _UNKNOWN)
    beginning = _BEGINNINGS.get(kind)
    if not beginning.match(head) if beginning else kind.startswith("text/") and b"\0" in head:
        kind = _UNKNOWN
    return Serving(kind, "inline" if kind.startswith("image/") else download(path))


def download(path: str) -> str:
    """The Content-Disposition of a file that no browser shows in place (RFC 6266)."""
    name = PurePosixPath(path).name
    if _PLAIN_NAME.fullmatch(name):
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def is_picture(path: str) -> bool:
    """Whether a file is shown in place where it is what its name says: a picture made of pixels."""
    return _TYPES.get(_suffix(path), _UNKNOWN).startswith("image/")


def store_opened(bucket: Bucket, artifacts: Artifacts, archive: Path) -> None:
    """Stores them beside their archive. The same attempt has the same keys, so a repeat changes nothing.

    A folder keeps no types and nobody follows a link into it, so there are none in it.

    Args:
        archive: On this machine; nothing else of it is read.

    Raises:
        StorageError: The store failed, or the archive is damaged; calling again is safe.
        DiskError: There is no room for a file on its way.
    """
    wanted = [] if bucket.local else list(opened_keys(artifacts))
    spans = {file.path: span for file, span in zip(artifacts.files, artifacts.spans, strict=True)} if wanted else {}
    for file, key in wanted:
        # Beside the archive and by its name: the clean-up knows whose it is.
        local = archive.with_name(f"{archive.name}.{uuid.uuid4().hex}")
        try:
            head = _take(archive, spans[file.path], file, local)
            bucket.put(local, key, serving(file.path, head))
        except OSError as error:
            raise DiskError(f"a file for the store can't be written to {local.parent}: {error.strerror}") from error
        finally:
            local.unlink(missing_ok=True)


def _take(archive: Path, span: Span, file: FileDigest, target: Path) -> bytes:
    """Copies one file out of an archive; gives its beginning."""
    with archive.open("rb") as packed, target.open("x+b") as out:
        if not unpack(read_span(packed, span), file.size, file.sha256, out):
            raise StorageError(f"the spooled archive holds another {file.path!a} than it was given")
        out.seek(0)
        return out.read(HEAD)


def opened_links(bucket: Bucket, artifacts: Artifacts) -> dict[str, str]:
    """Signed addresses of a run's files by path; none where there are no such objects.

    What is no picture is a download by the address itself, too, should the store forget what it was told.
    """
    # What an earlier release stored has no spans, and no such objects.
    if bucket.local or not artifacts.spans:
        return {}
    return {
        file.path: bucket.url(key, None if is_picture(file.path) else download(file.path))
        for file, key in opened_keys(artifacts)
    }


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()
