"""A push that meets another, breaks off or is killed."""

from __future__ import annotations

import os
import time
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from skillbox_core import SkillNotFoundError
from skillbox_core.errors import ChangedObjectError, DiskError, InvalidSkillError, StorageError, VersionExistsError
from skillbox_core.installation import Installation
from skillbox_core.skills.archive import inspect_archive
from skillbox_core.storage import objects
from skillbox_core.storage import registry as registry_module
from skillbox_core.storage.tables import SkillDigestRow
from tests.skillbox_core.storage.live.test_storage import archive

KEY = "default/echo/1.0.0/skill.zip"


def other(folder: Path) -> Path:
    """The archive of `archive`, with other contents."""
    (folder / "other").mkdir(exist_ok=True)
    return archive(folder / "other", script="other()")


def forget_digest(store: Installation) -> None:
    """Leaves the database as a new one is, that doesn't know what is stored."""
    row = store.registry._records.known("default", "echo", "1.0.0")
    assert row is not None
    store.registry._records.forget(row)


def claim_of_another(store: Installation, folder: Path) -> tuple[SkillDigestRow, bool]:
    """What is left of a push of other contents whose process was killed between its claim and its upload."""
    return store.registry._records.claim("default", inspect_archive(other(folder), store.settings.max_skill_size))


def break_uploads(store: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(_source: Path, _key: str) -> None:
        raise StorageError("the object store failed")

    monkeypatch.setattr(store.registry._bucket, "put", put)


def test_a_version_whose_object_is_not_there_yet_is_none(local: Installation, tmp_path: Path) -> None:
    local.registry.push("default", archive(tmp_path))
    skills = local.settings.home / "store" / local.settings.s3_bucket_skills / "default"
    (skills / "echo" / "2.0.0").mkdir()
    (skills / "echo" / "3.0.0").mkdir()
    (skills / "echo" / "3.0.0" / ".skill.zip.0a1b").write_bytes(b"half")
    (skills / "unborn" / "1.0.0").mkdir(parents=True)
    assert local.registry.versions("default", "echo") == ["1.0.0"]
    assert local.registry.resolve("default", "echo", "latest") == "1.0.0"
    assert local.registry.skills("default") == ["echo"]


def test_what_is_being_written_is_not_seen_and_what_the_killed_left_goes(
    local: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = local.registry._bucket
    bucket.put(archive(tmp_path), KEY)
    drafts = local.settings.home / "store" / bucket.name / objects.DRAFTS
    living, dead = drafts / "living", drafts / "dead"
    for draft in (living, dead):
        draft.write_bytes(b"half")
    hours_ago = time.time() - 2 * objects.DRAFT_SECONDS
    os.utime(dead, (hours_ago, hours_ago))

    def seen(*_: object) -> None:
        assert bucket.names("") == ["default"]
        assert bucket.names("default/echo") == ["1.0.0"]
        raise OSError("killed here")

    monkeypatch.setattr(objects, "publish", seen)
    with pytest.raises(StorageError, match="killed here"):
        bucket.put(archive(tmp_path, version="2.0.0"), "default/echo/2.0.0/skill.zip")
    assert list(drafts.iterdir()) == [living]


def test_what_is_published_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, target = tmp_path / "draft", tmp_path / "folder" / "target"
    draft.write_bytes(b"whole")
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(target.exists()))
    objects.publish(draft, target)
    assert (synced, target.read_bytes()) == ([False], b"whole")


def test_to_a_new_database_what_is_stored_was_first(store: Installation, tmp_path: Path) -> None:
    path = archive(tmp_path)
    digest = store.registry.push("default", path).archive.digest
    forget_digest(store)
    with pytest.raises(VersionExistsError, match="other contents"):
        store.registry.push("default", other(tmp_path))
    assert store.registry.load("default", "echo", "1.0.0").digest == digest
    forget_digest(store)
    assert not store.registry.push("default", path).new


def test_something_stored_that_is_no_skill_is_said_to_be_in_the_way(store: Installation, tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"junk")
    store.registry._bucket.put(tmp_path / "junk", KEY)
    with pytest.raises(VersionExistsError, match=r"it is no skill.*skill delete echo@1\.0\.0"):
        store.registry.push("default", archive(tmp_path))
    store.registry.delete("default", "echo", "1.0.0")
    assert store.registry.push("default", archive(tmp_path)).new


def test_a_claim_that_has_changed_is_not_forgotten(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    first = store.registry._records.known("default", "echo", "1.0.0")
    assert first is not None
    store.registry.delete("default", "echo", "1.0.0")
    digest = store.registry.push("default", other(tmp_path)).archive.digest
    store.registry._records.forget(first)
    now = store.registry._records.known("default", "echo", "1.0.0")
    assert now is not None
    assert now.digest == digest


def test_a_delete_that_breaks_off_leaves_a_version_that_loads(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = store.registry.push("default", archive(tmp_path)).archive.digest

    def fail(_key: str) -> None:
        assert store.registry._records.known("default", "echo", "1.0.0") is None
        raise StorageError("the object store failed")

    with monkeypatch.context() as patch:
        patch.setattr(store.registry._bucket, "delete", fail)
        with pytest.raises(StorageError):
            store.registry.delete("default", "echo", "1.0.0")
    assert store.registry.load("default", "echo", "1.0.0").digest == digest
    store.registry.delete("default", "echo", "1.0.0")
    with pytest.raises(SkillNotFoundError):
        store.registry.delete("default", "echo", "1.0.0")


@pytest.mark.parametrize("stored", [{"name": "other"}, {"script": "other()"}], ids=["another skill", "other contents"])
def test_an_object_that_is_another_one_is_not_fetched_again_and_again(
    store: Installation, tmp_path: Path, stored: dict[str, str]
) -> None:
    store.registry.push("default", archive(tmp_path))
    (tmp_path / "swapped").mkdir()
    store.registry._bucket.put(archive(tmp_path / "swapped", **stored), KEY)
    with pytest.raises(ChangedObjectError) as caught:
        store.registry.load("default", "echo", "1.0.0")
    assert not caught.value.retryable


def test_a_full_disk_is_not_blamed_on_the_object_store(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    with pytest.raises(DiskError, match="No space left on device"):
        store.registry._bucket.get(KEY, Path("/dev/full"))


def test_a_version_that_goes_while_it_is_looked_up_is_not_found(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.registry.push("default", archive(tmp_path))
    store.registry.delete("default", "echo", "1.0.0")
    monkeypatch.setattr(store.registry._bucket, "size", lambda _key: 1)
    with pytest.raises(SkillNotFoundError):
        store.registry.load("default", "echo", "1.0.0")


def test_a_push_that_failed_is_in_nobodys_way(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        break_uploads(store, patch)
        with pytest.raises(StorageError):
            store.registry.push("default", archive(tmp_path))
    assert store.registry.push("default", other(tmp_path)).new


def test_a_push_that_failed_leaves_the_claim_of_another(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = archive(tmp_path)
    store.registry._records.claim("default", inspect_archive(mine, store.settings.max_skill_size))
    break_uploads(store, monkeypatch)
    with pytest.raises(StorageError):
        store.registry.push("default", mine)
    assert store.registry._records.known("default", "echo", "1.0.0") is not None


def test_a_push_that_has_begun_and_not_finished_is_said_to_be_so(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, _ = claim_of_another(store, tmp_path)
    with pytest.raises(VersionExistsError, match="begun and not finished") as caught:
        store.registry.push("default", archive(tmp_path))
    until = claim.created_at + timedelta(hours=1)
    assert caught.value.hint == f"try again after {until:%H:%M} UTC"
    monkeypatch.setattr(registry_module, "PUSH_ABANDONED", timedelta(0))
    assert store.registry.push("default", archive(tmp_path)).new


def test_deleting_what_a_killed_push_left_frees_its_version(store: Installation, tmp_path: Path) -> None:
    claim_of_another(store, tmp_path)
    store.registry.delete("default", "echo", "1.0.0")
    assert store.registry.push("default", archive(tmp_path)).new


def test_a_push_of_an_archive_refuses_what_lint_refuses(local: Installation, tmp_path: Path) -> None:
    made = tmp_path / "s.zip"
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr("SKILL.md", "---\nname: echo\ndescription: d\nlang: bash\n---\n")
        packed.writestr("main.sh", "echo\r\n")
    with pytest.raises(InvalidSkillError, match="Windows line ends"):
        local.registry.push("default", made)
    assert local.registry.skills("default") == []
