"""Files that people open, in a real store: what a browser that follows their links is told."""

from __future__ import annotations

import urllib.request
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.base.file_archive import ArchiveWriter, Span
from skillbox_core.errors import StorageError
from skillbox_core.installation import Installation
from skillbox_core.models import Artifacts, Execution, FileDigest, Output
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.opened_files import store_opened

S3 = pytest.mark.parametrize("store", ["S3 and Postgres"], indirect=True)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
PAGE = b"<!doctype html><script>alert(document.domain)</script>"
FILES = {
    "big.bin": b"\0" * 100_000,
    "data/ä #1 & 2%.csv": b"a,b\n1,2\n",
    "fake.png": PAGE,
    "plot.png": PNG,
    "plot.svg": b"<svg/>",
    "report.html": PAGE,
    "rows.parquet": b"PAR1",
}


def stored(store: Installation, tmp_path: Path, files: dict[str, bytes] = FILES, attempt: int = 1) -> Artifacts:
    """The artifacts of a run that left these files."""
    spool = tmp_path / f"{uuid.uuid4().hex}.tar.gz"
    with spool.open("wb") as sink:
        writer = ArchiveWriter(sink)
        added = [(name, data, writer.add(name, len(data), [data])) for name, data in files.items()]
        writer.close()
    digests = tuple(FileDigest(name, len(data), digest) for name, data, (_, digest) in added)
    spans = tuple(span for _, _, (span, _) in added)
    execution = Execution("0" * 32, "default", "echo", "1.0.0", attempt, datetime.now(UTC), "key")
    output = Output(spool=spool, files=digests, sha256=writer.sha256.hexdigest(), spans=spans)
    return store.artifacts.upload(execution, output)


@S3
def test_a_link_shows_a_picture_and_downloads_all_else(store: Installation, tmp_path: Path) -> None:
    links = store.artifacts.links(stored(store, tmp_path))
    told = {}
    for path, link in links.items():
        with urllib.request.urlopen(link, timeout=10) as answer:
            assert answer.read() == FILES[path]
            told[path] = (answer.headers["Content-Type"], answer.headers["Content-Disposition"])
    assert told == {
        "data/ä #1 & 2%.csv": (
            "text/csv; charset=utf-8",
            "attachment; filename*=UTF-8''%C3%A4%20%231%20%26%202%25.csv",
        ),
        "fake.png": ("application/octet-stream", 'attachment; filename="fake.png"'),
        "plot.png": ("image/png", "inline"),
        "plot.svg": ("application/octet-stream", 'attachment; filename="plot.svg"'),
        "report.html": ("application/octet-stream", 'attachment; filename="report.html"'),
    }


@S3
def test_a_page_is_a_download_even_where_the_store_forgot_what_it_was_told(store: Installation, tmp_path: Path) -> None:
    artifacts = stored(store, tmp_path)
    bucket = store.artifacts._bucket
    bucket._fs.pipe_file(bucket._path(artifacts.key.replace(".tar.gz", "/report.html")), PAGE, ContentType="text/html")
    with urllib.request.urlopen(store.artifacts.links(artifacts)["report.html"], timeout=10) as answer:
        assert answer.headers["Content-Disposition"] == 'attachment; filename="report.html"'


@S3
def test_a_late_first_attempt_does_not_change_what_the_second_one_stored(store: Installation, tmp_path: Path) -> None:
    second = stored(store, tmp_path, {"a.csv": b"second"}, attempt=2)
    first = stored(store, tmp_path, {"a.csv": b"first"})
    for artifacts, data in ((first, b"first"), (second, b"second")):
        with urllib.request.urlopen(store.artifacts.links(artifacts)["a.csv"], timeout=10) as answer:
            assert answer.read() == data


@S3
def test_files_that_a_former_release_stored_have_no_links(store: Installation, tmp_path: Path) -> None:
    artifacts = stored(store, tmp_path)
    assert store.artifacts.links(replace(artifacts, spans=())) == {}


@S3
def test_a_store_that_fails_at_one_of_them_fails_the_step(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Bucket._upload

    def fail(bucket: Bucket, source: Path, key: str, *rest: object) -> None:
        if key.endswith("report.html"):
            raise OSError("no")
        put(bucket, source, key, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(Bucket, "_upload", fail)
        with pytest.raises(StorageError) as caught:
            stored(store, tmp_path)
    assert caught.value.retryable
    assert len(store.artifacts.links(stored(store, tmp_path))) == 5, "a repeat finds and stores the same"


@S3
@pytest.mark.parametrize(
    "changes",
    [{"files": (FileDigest("a.csv", 8, "0" * 64),)}, {"spans": (Span(3, 5),)}, {"spans": (Span(1 << 20, 5),)}],
    ids=["other contents", "no beginning of a file", "behind the end"],
)
def test_a_spool_that_is_damaged_is_not_stored(store: Installation, tmp_path: Path, changes: dict[str, Any]) -> None:
    artifacts = stored(store, tmp_path, {"a.csv": b"a,b\n1,2\n"})
    (spool,) = tmp_path.glob("*.tar.gz")
    with pytest.raises(StorageError, match="holds another"):
        store_opened(store.artifacts._bucket, replace(artifacts, **changes), spool)


def test_in_a_folder_they_are_in_their_archive_only(local: Installation, tmp_path: Path) -> None:
    artifacts = stored(local, tmp_path)
    assert local.artifacts.links(artifacts) == {}
    folder = Path(local.artifacts._bucket._path(artifacts.key)).parent
    assert [path.name for path in folder.iterdir()] == ["files.tar.gz"]
