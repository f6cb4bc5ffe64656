"""Skills that say no version: what is new gets the next patch, what is there stays what it is, also of many at once."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path

import pytest

from skillbox_core.errors import (
    ChangedObjectError,
    InvalidRequestError,
    SkillboxError,
    StorageError,
    VersionExistsError,
)
from skillbox_core.installation import Installation
from skillbox_core.skills.origin import Origin
from skillbox_core.storage import registry as registry_module
from skillbox_core.storage.registry import Pushed

HERE, ELSEWHERE = Origin("/here/pdf", "a" * 40), Origin("/elsewhere/pdf")


def archive(folder: Path, script: str = "1", name: str = "pdf", front: str = "", year: int = 1980) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for file, text in {
            "SKILL.md": f"---\nname: {name}\ndescription: d\n{front}\n---\n",
            "scripts/a.py": script,
        }.items():
            packed.writestr(zipfile.ZipInfo(file, (year, 1, 1, 0, 0, 0)), text)
    return path


def version(pushed: Pushed) -> str:
    return pushed.archive.manifest.version


def test_other_contents_are_the_next_patch_and_the_push_says_so(store: Installation, tmp_path: Path) -> None:
    first = store.registry.push("default", archive(tmp_path, "1"), origin=HERE)
    second = store.registry.push("default", archive(tmp_path, "2"), origin=HERE)
    third = store.registry.push("default", archive(tmp_path, "3"), origin=ELSEWHERE)
    assert [version(pushed) for pushed in (first, second, third)] == ["1.0.0", "1.0.1", "1.0.2"]
    assert first.note is None
    assert second.note == "SKILL.md says no version, and pdf@1.0.0 has other contents: this is the next patch"
    assert third.note is not None
    assert third.note.endswith("; that one came from /here/pdf")
    for number, pushed in {"1.0.0": first, "1.0.1": second, "1.0.2": third}.items():
        loaded = store.registry.load("default", "pdf", number)
        assert (loaded.digest, loaded.manifest.version) == (pushed.archive.digest, number)
        assert store.registry.again("default", "pdf", number, loaded.digest).manifest.version == number


def test_the_same_contents_are_the_same_version_however_they_are_packed(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path, "1"))
    store.registry.push("default", archive(tmp_path, "2"))
    again = store.registry.push("default", archive(tmp_path, "2", year=1999))
    assert (again.new, version(again), again.note) == (False, "1.0.1", None)
    older = store.registry.push("default", archive(tmp_path, "1", year=1999))
    assert (older.new, version(older), older.note) == (False, "1.0.0", "the highest version is 1.0.1")
    assert store.registry.versions("default", "pdf") == ["1.0.1", "1.0.0"]


def test_the_next_patch_is_that_of_the_highest_release(store: Installation, tmp_path: Path) -> None:
    for said in ("1.4.0", "2.0.0-rc.1"):
        store.registry.push("default", archive(tmp_path, front=f"version: {said}"))
    assert version(store.registry.push("default", archive(tmp_path))) == "1.4.1"


def test_a_version_of_before_contents_were_known_is_looked_at(store: Installation, tmp_path: Path) -> None:
    store.registry._bucket.put(archive(tmp_path, "1"), "default/pdf/1.0.0/skill.zip")
    again = store.registry.push("default", archive(tmp_path, "1", year=1999))
    assert (again.new, version(again)) == (False, "1.0.0")
    assert version(store.registry.push("default", archive(tmp_path, "2"))) == "1.0.1"


def test_pushes_at_once_each_get_a_version_of_their_own(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [archive(tmp_path, str(number)) for number in range(4)]
    store.registry.skills("default")
    barrier, outcomes = threading.Barrier(4), []
    following = registry_module.next_version

    def together(versions: object) -> object:
        found = following(versions)  # type: ignore[arg-type]
        if str(found) == "1.0.0":
            barrier.wait(30)
        return found

    monkeypatch.setattr(registry_module, "next_version", together)

    def push(path: Path) -> None:
        try:
            outcomes.append(store.registry.push("default", path))
        except SkillboxError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=push, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(version(pushed) for pushed in outcomes) == ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]
    for pushed in outcomes:
        assert store.registry.load("default", "pdf", version(pushed)).digest == pushed.archive.digest


def test_the_same_pushed_twice_at_once_is_one_version(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path)
    put, inner = store.registry._bucket.put, []

    def meanwhile(source: Path, key: str) -> None:
        if not inner:
            inner.append(key)
            inner.append(store.registry.push("default", path))
        put(source, key)

    monkeypatch.setattr(store.registry._bucket, "put", meanwhile)
    outer = store.registry.push("default", path)
    assert version(outer) == version(inner[1]) == "1.0.0"
    assert store.registry.versions("default", "pdf") == ["1.0.0"]


def test_a_push_that_broke_off_is_finished_by_the_same_and_passed_by_another(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path)
    kept = store.registry.push("default", path).archive
    store.registry.delete("default", "pdf", "1.0.0")
    # What is left of a process that was killed between its claim and its upload.
    store.registry._records.claim("default", kept)
    assert version(store.registry.push("default", archive(tmp_path, "2"))) == "1.0.1"
    finished = store.registry.push("default", path)
    assert (finished.new, version(finished)) == (True, "1.0.0")


def test_a_push_that_fails_leaves_no_gap(store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_source: Path, _key: str) -> None:
        raise StorageError("the object store failed")

    with monkeypatch.context() as patch:
        patch.setattr(store.registry._bucket, "put", fail)
        with pytest.raises(StorageError):
            store.registry.push("default", archive(tmp_path))
    assert version(store.registry.push("default", archive(tmp_path, "2"))) == "1.0.0"


def test_the_source_of_a_version_is_kept_as_it_was_pushed_first(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path), origin=HERE)
    store.registry.push("default", archive(tmp_path), origin=ELSEWHERE)
    row = store.registry.record("default", "pdf", "1.0.0")
    assert row is not None
    assert (row.source_folder, row.source_commit) == ("/here/pdf", "a" * 40)
    assert row.contents is not None


def test_a_name_made_of_another_one_belongs_to_its_first_source(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path, "1", "PDF Tools"), origin=HERE)
    assert version(store.registry.push("default", archive(tmp_path, "2", "PDF Tools"), origin=HERE)) == "1.0.1"
    assert not store.registry.push("default", archive(tmp_path, "1", "PDF Tools"), origin=ELSEWHERE).new
    for origin in (ELSEWHERE, None):
        with pytest.raises(VersionExistsError, match=r"pdf-tools, and .* from another source .*/here/pdf") as caught:
            store.registry.push("default", archive(tmp_path, "3", "PDF Tools"), origin=origin)
        assert "--name" in (caught.value.hint or "")
    beside = store.registry.push("default", archive(tmp_path, "3", "PDF Tools"), name="tools", origin=ELSEWHERE)
    assert (beside.archive.manifest.name, version(beside)) == ("tools", "1.0.0")
    assert store.registry.load("default", "tools", "1.0.0").manifest.name == "tools"
    onto = store.registry.push("default", archive(tmp_path, "4", "PDF Tools"), name="pdf-tools", origin=ELSEWHERE)
    assert version(onto) == "1.0.2"


def test_a_name_made_of_another_one_is_no_version_of_a_skill_that_is_called_so(
    store: Installation, tmp_path: Path
) -> None:
    store.registry.push("default", archive(tmp_path, name="pdf-tools"))
    for front in ("", "version: 2.0.0"):
        with pytest.raises(VersionExistsError, match="another source"):
            store.registry.push("default", archive(tmp_path, "2", "PDF Tools", front), origin=HERE)


def test_a_skill_that_says_its_name_or_version_has_no_other(local: Installation, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"SKILL\.md says pdf@1\.0\.0"):
        local.registry.push("default", archive(tmp_path), name="other")
    with pytest.raises(InvalidRequestError, match=r"SKILL\.md says pdf@1\.2\.0"):
        local.registry.push("default", archive(tmp_path, front="version: 1.2.0"), version="1.0.0")
    with pytest.raises(InvalidRequestError, match="not a valid name"):
        local.registry.push("default", archive(tmp_path, name="PDF Tools"), name="../x")


def test_a_stored_skill_that_says_no_version_is_still_held_to_its_digest(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path, "1"))
    store.registry._bucket.put(archive(tmp_path, "2"), "default/pdf/1.0.0/skill.zip")
    with pytest.raises(ChangedObjectError, match="not what was pushed"):
        store.registry.load("default", "pdf", "1.0.0")
