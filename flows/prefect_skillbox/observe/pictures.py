"""Pictures that a skill made, fit to be shown in the UI.

Each travels as a `data:` address, so that it is there for as long as its artifact is, whoever looks and wherever the
files are kept; a signed link would be a broken picture after an hour. What a picture is, its first bytes say, not its
name. The UI loads it as an image: a script in an SVG does not run there, and nothing else is loaded from it.
"""

from __future__ import annotations

import base64
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from skillbox_core.models import Output

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".svg"})
MAX_PICTURE = 256 * 1024
"""Bytes of one picture: it is kept in Prefect's database, a third larger."""
MAX_PICTURES = 4
MAX_SEARCHED = 64 * 1024 * 1024
"""Bytes of other files that are read over in search of pictures."""

HEAD = 4 * 1024
"""Bytes at the beginning in which an SVG must show itself."""

# Possessive throughout: what was taken is never given back, so a file of blanks costs its length, not its cube.
_GAP = rb"(?:\s++|<!--[^>]{2,1000}+(?<=--)>)*+"
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?+" + _GAP + rb"(?:<\?xml[^>]{0,200}+(?<=\?)>)?+" + _GAP
    + rb"(?:<!DOCTYPE\s++svg[^>\[]{0,300}+>)?+" + _GAP + rb"<svg[\s>]"
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A picture among a skill's files."""

    path: str
    media_type: str
    data: bytes

    @property
    def url(self) -> str:
        """The whole picture as an address."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


def media_type(data: bytes) -> str | None:
    """What kind of picture these bytes are; None when they are none that is shown.

    An SVG with a document type of its own making is none: its entities may grow without bounds.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if _SVG.match(data[:HEAD]) else None


def pictures(output: Output) -> list[Picture]:
    """The first few pictures among the files that a skill left, as far as they are small and what they say they are."""
    wanted = {
        file.path
        for file in output.files
        if Path(file.path).suffix.lower() in SUFFIXES and 0 < file.size <= MAX_PICTURE
    }
    found: list[Picture] = []
    if output.spool is None or not wanted:
        return found
    with tarfile.open(output.spool, "r|gz") as tar:
        for member in tar:
            if member.offset > MAX_SEARCHED or len(found) == MAX_PICTURES or not wanted:
                break
            source = tar.extractfile(member) if member.name in wanted else None
            if source is None:
                continue
            wanted.remove(member.name)
            data = source.read(MAX_PICTURE)
            if kind := media_type(data):
                found.append(Picture(member.name, kind, data))
    return found
