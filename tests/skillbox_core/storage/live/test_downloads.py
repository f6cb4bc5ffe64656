"""Files of an execution are downloaded into a folder, and stay in it, whatever the bucket holds by now."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from skillbox_core.errors import ChangedObjectError, StorageError
from skillbox_core.models import Artifacts
from skillbox_core.settings import Settings
from skillbox_core.storage.artifacts import ArtifactStore, artifacts_key
from skillbox_core.storage.objects import Bucket

KEY = artifacts_key("default", "0" * 32, 1)


def evil(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, 4 if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize(
    "members",
    [
        [evil("../escaped")],
        [evil("a/../../escaped")],
        [evil("/tmp/escaped-not-here")],
        [evil("link", tarfile.SYMTYPE, "..")],
        [evil("link", tarfile.LNKTYPE, "../escaped")],
        [evil("pipe", tarfile.FIFOTYPE)],
        [evil("new\nline")],
    ],
    ids=lambda members: repr(members[0].name),
)
def test_an_archive_that_was_changed_in_the_bucket_writes_nothing_elsewhere(
    installation: Settings, tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    bucket = Bucket(installation.model_copy(update={"home": tmp_path / "home"}), "executions")
    packed = tmp_path / "evil.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"evil"))
    bucket.put(packed, KEY)
    target = tmp_path / "downloads" / "here"
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(StorageError, match="does not belong there"):
        ArtifactStore(bucket).extract(Artifacts(KEY), target)
    assert {path for path in tmp_path.rglob("*") if path.is_file() or path.is_symlink()} == before
    assert not Path("/tmp/escaped-not-here").exists()


def store(bucket: Bucket, packed: Path, name: str) -> Path:
    """Puts an archive of one good file where the artifacts of a run lie."""
    with tarfile.open(packed, "w:gz") as tar:
        tar.addfile(evil(name), io.BytesIO(b"good"))
    bucket.put(packed, KEY)
    return packed


def test_a_link_that_lies_in_the_folder_already_leads_nowhere(installation: Settings, tmp_path: Path) -> None:
    bucket = Bucket(installation.model_copy(update={"home": tmp_path / "home"}), "executions")
    store(bucket, tmp_path / "good.tar.gz", "folder/file")
    target, outside = tmp_path / "downloads", tmp_path / "outside"
    target.mkdir()
    outside.mkdir()
    (target / "folder").symlink_to(outside)
    with pytest.raises(StorageError):
        ArtifactStore(bucket).extract(Artifacts(KEY), target)
    assert list(outside.iterdir()) == []


def test_an_archive_that_is_not_the_one_that_was_uploaded_is_refused(installation: Settings, tmp_path: Path) -> None:
    bucket = Bucket(installation.model_copy(update={"home": tmp_path / "home"}), "executions")
    packed = store(bucket, tmp_path / "other.tar.gz", "file")
    with pytest.raises(ChangedObjectError):
        ArtifactStore(bucket).extract(Artifacts(KEY, size=packed.stat().st_size, sha256="0" * 64), tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []
