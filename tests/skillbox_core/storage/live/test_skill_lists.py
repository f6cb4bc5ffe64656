"""Lists of skills: storage says which there are, the database what to say of them, and no archive is opened for it."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from skillbox_core.base.versions import Version
from skillbox_core.errors import InvalidRequestError, StorageError
from skillbox_core.installation import Installation
from skillbox_core.skills.archive import inspect_archive
from skillbox_core.storage import skill_records
from skillbox_core.storage.registry_reads import versions_of
from tests.skillbox_core.storage.live.test_execution_pages import explained, migrate, spoken


def archive(folder: Path, name: str = "echo", version: str = "1.0.0", description: str = "d", files: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}.zip"
    with zipfile.ZipFile(path, "w") as packed:
        said = f"name: {name}\nversion: {version}\ndescription: {description}\nlang: python\nlicense: MIT"
        packed.writestr("SKILL.md", f"---\n{said}\n---\n")
        packed.writestr("main.py", "1")
        for number in range(files):
            packed.writestr(f"more/{number}.txt", "x")
    return path


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The archives that are opened meanwhile."""
    found: list[str] = []

    def inspect(path: Path, *limits: int) -> Any:
        made = inspect_archive(path, *limits)
        found.append(f"{made.manifest.name}@{made.manifest.version}")
        return made

    with monkeypatch.context() as patch:
        patch.setattr("skillbox_core.skills.archive.inspect_archive", inspect)
        yield found


def listed(store: Installation, **how: Any) -> list[tuple[str, str, str]]:
    """Name, version and description of a page's skills."""
    page = store.registry.list("default", **how)
    assert page.failed == ()
    return [(each.facts["name"], each.facts["version"], each.facts["description"]) for each in page.skills]


def put(store: Installation, path: Path, key: str = "default/echo/1.0.0/skill.zip") -> None:
    """Stores an archive as somebody does who has the bucket, and no database."""
    store.registry._bucket.put(path, key)


def test_a_list_of_pushed_skills_opens_no_archive_and_says_what_they_say(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, version in (("echo", "1.9.0"), ("echo", "1.10.0"), ("echo", "2.0.0-rc.1"), ("alpha", "0.1.0-a")):
        store.registry.push("default", archive(tmp_path, name, version, f'"{name} \\x1b é 😀"', files=3))
    store.registry.push("acme", archive(tmp_path, "theirs"))
    with opened(monkeypatch) as read:
        page = store.registry.list("default", files=True)
    assert (read, page.failed, page.next) == ([], (), None)
    assert [(each.facts["name"], each.versions) for each in page.skills] == [
        ("alpha", ("0.1.0-a",)),
        ("echo", ("2.0.0-rc.1", "1.10.0", "1.9.0")),
    ]
    for each in page.skills:
        made = store.registry.load("default", each.facts["name"], each.facts["version"])
        manifest = made.manifest
        assert each.files == [file.path for file in made.files]
        assert each.facts == {
            "name": manifest.name, "version": manifest.version, "description": manifest.description, "lang": "python",
            "runnable": True, "entrypoint": "main.py", "image": "", "timeout": "", "cpu": "", "memory": "",
            "license": "MIT", "requires": [], "digest": made.digest,
        }  # fmt: skip
    assert page.skills[1].facts["version"] == store.registry.resolve("default", "echo", "latest") == "1.10.0"


def test_what_lists_say_of_a_skill_is_its_tenants(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    store.registry.push("acme", archive(tmp_path / "theirs", description="theirs"))
    assert listed(store) == [("echo", "1.0.0", "d")]
    assert store.registry._records.listings("nobody", [("echo", "1.0.0")], files=True) == {}


def test_pages_give_each_skill_once(store: Installation, tmp_path: Path) -> None:
    names = [*sorted(f"s{number}" for number in range(12)), "s1-b"]
    for name in names:
        store.registry.push("default", archive(tmp_path, name))
    found, after = [], None
    for _ in range(4):
        page = store.registry.list("default", limit=5, after=after)
        found += [each.facts["name"] for each in page.skills]
        after = page.next
        if after is None:
            break
    assert (found, after) == (sorted(names), None)
    assert [name for name, *_ in listed(store, after="s1-a")] == sorted(names)[sorted(names).index("s1-b") :]
    assert listed(store, after="zz") == []
    assert store.registry.list("default", limit=13).next is None


def forget(store: Installation) -> None:
    with store.executions._database.session() as session:
        session.execute(text("DELETE FROM skill_digests"))
        session.execute(text("DELETE FROM skill_listings"))


def unlist(store: Installation) -> None:
    with store.executions._database.session() as session:
        session.execute(text("DELETE FROM skill_listings"))


def older_form(store: Installation) -> None:
    with store.executions._database.session() as session:
        session.execute(text("UPDATE skill_listings SET form = 0, facts = 'not even JSON'"))


def other_digest(store: Installation) -> None:
    """What is left by a list that read the version before it was deleted, and kept it after it was pushed anew."""
    with store.executions._database.session() as session:
        said = json.dumps({"name": "echo", "description": "of before"})
        session.execute(
            text("UPDATE skill_listings SET digest = :digest, facts = :facts"), {"digest": "0" * 64, "facts": said}
        )


@pytest.mark.parametrize("lack", [forget, unlist, older_form, other_digest])
def test_what_the_database_does_not_know_is_read_once(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: Callable[[Installation], None]
) -> None:
    for version in ("1.0.0", "2.0.0"):
        store.registry.push("default", archive(tmp_path, version=version))
    store.registry.push("default", archive(tmp_path, "other"))
    lack(store)
    told: list[int] = []
    with opened(monkeypatch) as read:
        assert listed(store, limit=1, unread=told.append) == [("echo", "2.0.0", "d")]
        assert (read, told) == (["echo@2.0.0"], [1]), "no more than is shown"
        assert listed(store, unread=told.append) == [("echo", "2.0.0", "d"), ("other", "1.0.0", "d")]
        assert listed(store, unread=told.append) == listed(store)
    assert (read, told) == (["echo@2.0.0", "other@1.0.0"], [1, 1])


def test_a_version_that_somebody_put_there_is_listed(store: Installation, tmp_path: Path) -> None:
    put(store, archive(tmp_path))
    assert listed(store) == listed(store) == [("echo", "1.0.0", "d")]
    put(store, archive(tmp_path, version="3.0.0"), "default/echo/3.0.0/skill.zip")
    assert listed(store) == [("echo", "3.0.0", "d")]


def test_a_version_that_somebody_took_away_is_not_listed(store: Installation, tmp_path: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        store.registry.push("default", archive(tmp_path, version=version))
    store.registry._bucket.delete("default/echo/2.0.0/skill.zip")
    assert listed(store) == [("echo", "1.0.0", "d")]
    store.registry._bucket.delete("default/echo/1.0.0/skill.zip")
    assert listed(store) == []


def test_a_version_that_became_another_is_an_error_in_the_list_too(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    store.registry.push("default", archive(tmp_path, "other"))
    put(store, archive(tmp_path / "swapped", description="a longer one"))
    page = store.registry.list("default")
    assert [each.facts["name"] for each in page.skills] == ["other"]
    assert [(name, "not what was pushed" in str(error)) for name, error in page.failed] == [("echo", True)]


def test_what_is_no_skill_is_an_error_and_hides_no_other(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    (tmp_path / "junk").write_bytes(b"junk")
    for key in ("default/broken/1.0.0/skill.zip", "default/No Name/1.0.0/skill.zip"):
        put(store, tmp_path / "junk", key)
    for key in ("default/empty/1.0.0/readme.txt", "default/empty/one/skill.zip", "default/skill.zip"):
        put(store, tmp_path / "junk", key)
    page = store.registry.list("default")
    assert [each.facts["name"] for each in page.skills] == ["echo"]
    assert [name for name, _ in page.failed] == ["No Name", "broken"]
    first = store.registry.list("default", limit=1)
    assert first.next == "No Name"
    assert store.registry.list("default", after=first.next).failed[0][0] == "broken"
    with pytest.raises(InvalidRequestError, match="no page comes after"):
        store.registry.list("default", after="No Names")


def test_another_store_on_the_same_database_lists_its_own(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    store.registry.push("default", archive(tmp_path, "other"))
    elsewhere = Installation.from_settings(
        store.settings.model_copy(
            update={"home": tmp_path / "elsewhere", "s3_bucket_skills": "elsewhere", "db_dsn": url(store)}
        )
    )
    assert listed(elsewhere) == []
    put(elsewhere, archive(tmp_path, "other"), "default/other/1.0.0/skill.zip")
    assert listed(elsewhere) == [("other", "1.0.0", "d")]
    elsewhere.registry._bucket.delete("default/other/1.0.0/skill.zip")


def url(store: Installation) -> str:
    return store.settings.db_dsn or f"sqlite:///{store.settings.home}/skillbox.db"


def test_what_a_push_that_broke_off_has_left_is_not_listed(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path)
    store.registry._records.claim("default", inspect_archive(path, store.settings.max_skill_size))
    assert listed(store) == []
    store.registry.push("default", path)
    with opened(monkeypatch) as read:
        assert listed(store) == [("echo", "1.0.0", "d")]
    assert read == []


def test_a_delete_takes_what_lists_say_with_it_also_when_it_breaks_off(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.registry.push("default", archive(tmp_path))

    def fail(_key: str) -> None:
        raise StorageError("the object store failed")

    with monkeypatch.context() as patch:
        patch.setattr(store.registry._bucket, "delete", fail)
        with pytest.raises(StorageError):
            store.registry.delete("default", "echo", "1.0.0")
    assert store.registry._records.listings("default", [("echo", "1.0.0")]) == {}
    assert listed(store) == [("echo", "1.0.0", "d")], "what storage has is listed"
    store.registry.delete("default", "echo", "1.0.0")
    assert listed(store) == []
    store.registry.push("default", archive(tmp_path, description="another"))
    assert listed(store) == [("echo", "1.0.0", "another")]


def test_a_list_that_meets_a_delete_and_a_push_says_nothing_of_before(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.registry.push("default", archive(tmp_path, description="of before"))
    unlist(store)
    describe = skill_records.SkillRecords.describe

    def late(records: skill_records.SkillRecords, *read: Any) -> None:
        monkeypatch.setattr(skill_records.SkillRecords, "describe", describe)
        store.registry.delete("default", "echo", "1.0.0")
        store.registry.push("default", archive(tmp_path / "new", description="of now"))
        describe(records, *read)

    monkeypatch.setattr(skill_records.SkillRecords, "describe", late)
    assert listed(store) == [("echo", "1.0.0", "of before")], "it was so when it was read"
    assert listed(store) == [("echo", "1.0.0", "of now")]


def test_two_that_read_the_same_version_at_once_agree(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.registry.push("default", archive(tmp_path))
    unlist(store)
    made = skill_records._listing_row

    def meanwhile(*of: Any) -> Any:
        monkeypatch.setattr(skill_records, "_listing_row", made)
        if store.settings.db_dsn == "":  # Postgres has the second one wait for the first, which waits for it here
            store.registry._records.describe(*of)
        return made(*of)

    monkeypatch.setattr(skill_records, "_listing_row", meanwhile)
    assert listed(store) == listed(store) == [("echo", "1.0.0", "d")]


def test_the_command_for_it_reads_every_version_from_storage_again(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.0.0", "2.0.0"):
        store.registry.push("default", archive(tmp_path, version=version))
    store.registry.push("default", archive(tmp_path, "swapped"))
    put(store, archive(tmp_path / "new", "swapped", description="e"), "default/swapped/1.0.0/skill.zip")
    with store.executions._database.session() as session:
        session.execute(text("UPDATE skill_listings SET facts = '{}'"))
    for _ in range(2):
        with opened(monkeypatch) as read:
            outcomes = list(store.registry.index("default", store.registry.stored("default")))
        assert store.registry.stored("default") == (("echo", "2.0.0"), ("echo", "1.0.0"), ("swapped", "1.0.0"))
        assert [error and "not what was pushed" in str(error) for error in outcomes] == [None, None, True]
        assert read == ["echo@2.0.0", "echo@1.0.0", "swapped@1.0.0"]
    found = store.registry._records.listings("default", [("echo", "1.0.0"), ("echo", "2.0.0")])
    assert [listing.facts["version"] for listing in found.values()] == ["1.0.0", "2.0.0"]


def test_what_lists_say_is_read_by_its_key(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    facts = {"tenant_id": "default", "digest": "0" * 64, "size": 1, "form": 1, "facts": "{}", "files": "[]"}
    with store.executions._database.session() as session:
        for table, columns in (
            ("skill_listings", facts),
            ("skill_digests", {"tenant_id": "default", "digest": "0" * 64, "created_at": "2026-01-01 00:00:00"}),
        ):
            names = ", ".join(("skill_name", "version", *columns))
            marks = ", ".join(f":{name}" for name in ("skill_name", "version", *columns))
            rows = [{"skill_name": f"s{number}", "version": "1.0.0", **columns} for number in range(3000)]
            session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), rows)
        session.execute(text("ANALYZE"))
    with spoken(store) as statements:
        assert len(store.registry._records.listings("default", [("echo", "1.0.0"), ("s7", "1.0.0")])) == 2
    (said,) = (each for each in statements if each[0].startswith("SELECT skill_listings"))
    plan = explained(store, *said)
    assert "Seq Scan" not in plan, plan
    assert "SCAN skill_" not in plan, plan
    assert "files" not in said[0]


def test_a_database_of_before_gets_the_table_and_the_skills_are_listed(store: Installation, tmp_path: Path) -> None:
    for name in ("echo", "other"):
        store.registry.push("default", archive(tmp_path, name))
    migrate(store, "downgrade", "0008")
    again = Installation.from_settings(store.settings)
    assert listed(again) == [("echo", "1.0.0", "d"), ("other", "1.0.0", "d")]
    shutil.rmtree(store.settings.home / "cache")
    assert again.registry.load("default", "echo", "1.0.0")


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([], {}),
        (["t/a/1.0.0/skill.zip"], {"a": ["1.0.0"]}),
        (["t/a/1.9.0/skill.zip", "t/a/1.10.0/skill.zip", "t/a/2.0.0-rc.1/skill.zip"],
         {"a": ["2.0.0-rc.1", "1.10.0", "1.9.0"]}),
        (["t/b/1.0.0/skill.zip", "t/a-b/1.0.0/skill.zip", "t/a/1.0.0/skill.zip"],
         {"a": ["1.0.0"], "a-b": ["1.0.0"], "b": ["1.0.0"]}),
        (["t/a/1.0.0/skill.txt", "t/a/1/skill.zip", "t/a/skill.zip", "t/a/1.0.0/x/skill.zip", "t/skill.zip"], {}),
    ],
)  # fmt: skip
def test_the_skills_among_objects(keys: list[str], found: dict[str, list[str]]) -> None:
    sizes = versions_of(dict.fromkeys(keys, 7))
    assert {name: [str(version) for version in versions] for name, versions in sizes.items()} == found
    assert list(sizes) == sorted(found)
    assert all(size == 7 and isinstance(version, Version) for each in sizes.values() for version, size in each.items())
