"""Which files have an object of their own, and how they are served: nothing of a stranger's runs where the store is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from skillbox_core.base.file_archive import Span
from skillbox_core.models import Artifacts, FileDigest
from skillbox_core.storage.opened_files import (
    MAX_OPENED,
    MAX_OPENED_SIZE,
    MAX_OPENED_SIZES,
    opened_files,
    opened_keys,
    opened_links,
    serving,
)

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
PAGE = b"<!doctype html><script>alert(document.domain)</script>"


def file(path: str, size: int = 10) -> FileDigest:
    return FileDigest(path, size, "0" * 64)


@pytest.mark.parametrize(
    ("path", "head", "kind", "inline"),
    [
        ("a.png", PNG, "image/png", True),
        ("a/B.JPG", b"\xff\xd8\xff\xe0", "image/jpeg", True),
        ("a.jpeg", b"\xff\xd8\xff\xe0", "image/jpeg", True),
        ("a.gif", b"GIF89a\1\0", "image/gif", True),
        ("a.webp", b"RIFF\n\0\r\nWEBPVP8 ", "image/webp", True),
        ("a.png", PAGE, "application/octet-stream", False),
        ("a.png", b" " + PNG, "application/octet-stream", False),
        ("a.gif", b"GIF", "application/octet-stream", False),
        ("a.jpg", PNG, "application/octet-stream", False),
        ("a.html", PAGE, "application/octet-stream", False),
        ("a.HTM", PAGE, "application/octet-stream", False),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "application/octet-stream", False),
        ("a.pdf", b"%PDF-1.7\n", "application/pdf", False),
        ("a.pdf", PAGE, "application/octet-stream", False),
        ("a.csv", PAGE, "text/csv; charset=utf-8", False),
        ("a.csv", b"\0" + PAGE, "application/octet-stream", False),
        ("a.txt", PAGE, "text/plain; charset=utf-8", False),
        ("a.md", PAGE, "text/markdown; charset=utf-8", False),
        ("a.json", b"{}", "application/json", False),
        ("a.xml", PAGE, "application/octet-stream", False),
        ("png", PNG, "application/octet-stream", False),
    ],
)
def test_only_pictures_that_are_what_they_say_are_shown_in_place(
    path: str, head: bytes, kind: str, inline: bool
) -> None:
    served = serving(path, head)
    assert (served.content_type, served.disposition == "inline") == (kind, inline)
    assert inline or served.disposition.startswith("attachment; filename")


@pytest.mark.parametrize(
    ("path", "disposition"),
    [
        ("a/report.html", 'attachment; filename="report.html"'),
        (
            'x"; filename=evil.exe; a=".html',
            "attachment; filename*=UTF-8''x%22%3B%20filename%3Devil.exe%3B%20a%3D%22.html",
        ),
        ("naïve 100%.csv", "attachment; filename*=UTF-8''na%C3%AFve%20100%25.csv"),
        ("it's (1).csv", "attachment; filename*=UTF-8''it%27s%20%281%29.csv"),
    ],
)
def test_a_download_keeps_its_name_and_the_name_ends_nothing(path: str, disposition: str) -> None:
    served = serving(path, b"")
    assert served.disposition == disposition
    assert re.fullmatch(r"[\x20-\x7e]+", served.disposition)


@pytest.mark.parametrize(
    ("files", "opened"),
    [
        ([], []),
        ([file("a.parquet"), file("a.zip"), file("a"), file("a.html.exe"), file("a.svgz"), file(".png")], []),
        ([file("b.html"), file("a.csv"), file("c/d.PDF")], ["a.csv", "b.html", "c/d.PDF"]),
        ([file("a.csv", MAX_OPENED_SIZE), file("b.csv", MAX_OPENED_SIZE + 1), file("c.csv", 0)], ["a.csv"]),
        ([file("a.csv?versionId=b.csv"), file("a.csv")], ["a.csv"]),
        ([file(f"{n:02}.md") for n in range(MAX_OPENED + 9)], [f"{n:02}.md" for n in range(MAX_OPENED)]),
        (
            [file(f"{n}.md", MAX_OPENED_SIZE) for n in range(MAX_OPENED_SIZES // MAX_OPENED_SIZE + 2)],
            [f"{n}.md" for n in range(MAX_OPENED_SIZES // MAX_OPENED_SIZE)],
        ),
    ],
)
def test_the_first_small_files_that_people_open_are_objects(files: list[FileDigest], opened: list[str]) -> None:
    assert [found.path for found in opened_files(files)] == opened
    assert [found.path for found in opened_files(files[::-1])] == opened


def test_each_attempt_has_keys_of_its_own() -> None:
    keys = {
        key
        for archive in ("t/1/files.tar.gz", "t/1/files.2.tar.gz")
        for _, key in opened_keys(Artifacts(archive, (file("a/b.csv"),)))
    }
    assert keys == {"t/1/files/a/b.csv", "t/1/files.2/a/b.csv"}


class Remembering:
    """A bucket on S3 that gives addresses which say what they were asked for."""

    local = False

    def url(self, key: str, disposition: str | None = None) -> str:
        return f"{key} {disposition}"


def test_what_is_no_picture_is_a_download_by_its_address_too() -> None:
    bucket: Any = Remembering()
    files = (file("a.html"), file("b.png"), file("c.zip"))
    artifacts = Artifacts("t/1/files.tar.gz", files, spans=(Span(0, 1),) * 3)
    assert opened_links(bucket, artifacts) == {
        "a.html": 't/1/files/a.html attachment; filename="a.html"',
        "b.png": "t/1/files/b.png None",
    }
