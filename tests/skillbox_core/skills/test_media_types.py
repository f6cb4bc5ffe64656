"""What the beginning of a file says against its media type."""

from __future__ import annotations

import pytest

from skillbox_core.skills.media_types import HEAD, content_problem

OFFICE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    ("media_type", "head"),
    [
        ("application/vnd.apache.parquet", b"PAR1\x15"),
        ("application/vnd.apache.parquet", b"PARE"),
        ("application/vnd.apache.arrow.file", b"ARROW1\0\0\xff\xff"),
        ("application/vnd.apache.arrow.stream", b"\xff\xff\xff\xff\x10"),
        ("image/png", b"\x89PNG\r\n\x1a\n\0"),
        ("image/jpeg", b"\xff\xd8\xff\xe0"),
        ("image/gif", b"GIF89a"),
        ("application/pdf", b"%PDF-1.7"),
        ("application/pdf", b"\n" * 1000 + b"%PDF-1.7"),
        ("application/gzip", b"\x1f\x8b\x08"),
        ("application/zip", b"PK\x05\x06" + b"\0" * 18),
        (OFFICE, b"PK\x03\x04"),
        ("text/csv", b""),
        ("text/csv", "é,b\n".encode()),
        ("text/csv", b"\xef\xbb\xbfa,b\n"),
        ("text/csv", b"a" * (HEAD - 1) + "é".encode()[:1]),
        ("application/json", b'\xef\xbb\xbf \n{"a": 1}'),
        ("application/json", b"null"),
        ("application/x-ndjson", b""),
        # Says itself in which encoding it is; and what nobody knows is taken as said.
        ("text/html", b"\xff\xfe<\0"),
        ("application/vnd.acme", b"\0"),
    ],
)
def test_what_may_be_of_a_media_type_is_taken(media_type: str, head: bytes) -> None:
    assert content_problem(media_type, head) is None


@pytest.mark.parametrize(
    ("media_type", "head", "said"),
    [
        ("application/vnd.apache.parquet", b"", "it does not begin with b'PAR1'"),
        ("application/vnd.apache.parquet", b"a,b\n", "it does not begin with b'PAR1'"),
        ("application/vnd.apache.arrow.file", b"\xff\xff\xff\xff", "it does not begin with b'ARROW1"),
        ("image/png", b"\xff\xd8\xff", "it does not begin with b'\\x89PNG"),
        ("image/jpeg", b"\x89PNG\r\n\x1a\n", "it does not begin with b'\\xff\\xd8"),
        ("application/pdf", b"\n" * 1024 + b"%PDF-1.7", "it does not begin with %PDF-"),
        ("application/gzip", b"PK\x03\x04", "it does not begin with b'\\x1f"),
        (OFFICE, b"<html>", "it does not begin with b'PK"),
        ("text/csv", b"a,\xe9\n", "it is not UTF-8 (byte 2)"),
        ("text/csv", b"a" * 10 + "é".encode()[:1], "it is not UTF-8 (byte 10)"),
        ("text/plain", b"a\0b", "it is not text: it has a NUL"),
        ("application/json", b"<html>", "it does not begin as JSON does, but with '<'"),
        ("application/json", b" ", "it is empty"),
    ],
)
def test_what_is_not_of_a_media_type_is_told(media_type: str, head: bytes, said: str) -> None:
    assert said in (content_problem(media_type, head) or "")
