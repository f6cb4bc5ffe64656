"""Whether a file begins as its media type says. Pure.

Looked at is the beginning only: the bytes by which a format is told, and for text that it is UTF-8. Whether the rest
is what it says is for whoever reads the file. A media type that is not listed here is taken as said.
"""

from __future__ import annotations

import codecs

HEAD = 4096
"""Bytes of a file that are looked at."""
_BEGINNINGS = {
    "application/gzip": (b"\x1f\x8b",),
    # https://arrow.apache.org/docs/format/Columnar.html: a file's magic string, and a stream's continuation marker.
    "application/vnd.apache.arrow.file": (b"ARROW1\0\0",),
    "application/vnd.apache.arrow.stream": (b"\xff\xff\xff\xff",),
    # The second one is of a file whose footer is encrypted.
    "application/vnd.apache.parquet": (b"PAR1", b"PARE"),
    "application/zip": (b"PK\x03\x04", b"PK\x05\x06"),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_PDF = b"%PDF-"
_PDF_WITHIN = 1024
"""Bytes in which readers look for a PDF's beginning."""
_TEXT = frozenset(
    {"application/json", "application/x-ndjson", "text/csv", "text/markdown", "text/plain", "text/tab-separated-values"}
)
"""Those that are UTF-8. Others, such as HTML, say inside in which encoding they are."""
_JSON_BEGINS = tuple('{["-0123456789tfn')


def content_problem(media_type: str, head: bytes) -> str | None:
    """How the beginning of a file contradicts its media type, as the end of a sentence; None where it doesn't.

    Args:
        media_type: In small letters.
        head: The first `HEAD` bytes, or the whole file if it has fewer.
    """
    if media_type == "application/pdf":
        return None if _PDF in head[:_PDF_WITHIN] else f"it does not begin with {_PDF.decode()}"
    beginnings = _BEGINNINGS["application/zip"] if media_type.startswith(_OFFICE) else _BEGINNINGS.get(media_type, ())
    if beginnings:
        return None if head.startswith(beginnings) else f"it does not begin with {beginnings[0]!r}"
    if media_type not in _TEXT:
        return None
    try:
        # A character may be cut in two at the end of what is looked at.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError as error:
        return f"it is not UTF-8 (byte {error.start})"
    if "\0" in text:
        return "it is not text: it has a NUL"
    begins = text.lstrip()[:1]
    if media_type == "application/json" and begins not in _JSON_BEGINS:
        return f"it does not begin as JSON does, but with {begins!a}" if begins else "it is empty"
    return None
