"""What lists say of skills goes when storage has them no more, and is written once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from skillbox_core.installation import Installation
from skillbox_core.storage import skill_records
from tests.skillbox_core.storage.live.test_skill_lists import archive, forget, listed, put

KEY = "default/echo/1.0.0/skill.zip"


def age_pushes(store: Installation) -> None:
    """Makes every push one of long ago, which is not under way."""
    with store.executions._database.session() as session:
        session.execute(text("UPDATE skill_digests SET created_at = '2026-01-01 00:00:00+00:00'"))


def rows(store: Installation, table: str) -> list[tuple[str, str, str]]:
    with store.executions._database.session() as session:
        found = session.execute(text(f"SELECT tenant_id, skill_name, version FROM {table}"))
        return sorted((tenant, name, version) for tenant, name, version in found)


def test_what_storage_has_no_more_leaves_the_lists_of_its_tenant(store: Installation, tmp_path: Path) -> None:
    paths = [archive(tmp_path, version=version) for version in ("1.0.0", "2.0.0")]
    for tenant in ("acme", "default"):
        for path in paths:
            store.registry.push(tenant, path)
        store.registry._bucket.delete(f"{tenant}/echo/1.0.0/skill.zip")
    age_pushes(store)
    assert (store.registry.drop("default"), store.registry.drop("default")) == (1, 0)
    assert rows(store, "skill_listings") == [
        ("acme", "echo", "1.0.0"), ("acme", "echo", "2.0.0"), ("default", "echo", "2.0.0"),
    ]  # fmt: skip
    assert ("default", "echo", "1.0.0") in rows(store, "skill_digests"), "what its bytes must be stays known"
    put(store, archive(tmp_path / "swapped", description="another"), KEY)
    assert [
        error and "not what was pushed" in str(error) for error in store.registry.index("default", [("echo", "1.0.0")])
    ] == [True]


def test_a_push_that_is_under_way_keeps_its_place_in_the_lists(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = store.registry._bucket.put

    def late(*of: Any) -> None:
        assert store.registry.drop("default") == 0
        upload(*of)

    monkeypatch.setattr(store.registry._bucket, "put", late)
    store.registry.push("default", archive(tmp_path))
    assert rows(store, "skill_listings") == [("default", "echo", "1.0.0")]


def test_a_version_that_is_put_back_meanwhile_keeps_its_place(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path)
    store.registry.push("default", path)
    store.registry._bucket.delete(KEY)
    age_pushes(store)
    listed_before = skill_records.SkillRecords.listed

    def meanwhile(*of: Any) -> Any:
        found = listed_before(*of)
        store.registry.push("default", path)
        return found

    monkeypatch.setattr(skill_records.SkillRecords, "listed", meanwhile)
    assert store.registry.drop("default") == 0
    assert rows(store, "skill_listings") == [("default", "echo", "1.0.0")]


def test_a_version_that_became_another_meanwhile_keeps_its_place(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    age_pushes(store)
    gone = store.registry._records.listed("default")
    store.registry.delete("default", "echo", "1.0.0")
    store.registry.push("default", archive(tmp_path / "new", description="of now"))
    store.registry._records.unlist("default", gone)
    assert rows(store, "skill_listings") == [("default", "echo", "1.0.0")]
    assert listed(store) == [("echo", "1.0.0", "of now")]


def test_what_lists_say_of_a_skill_is_written_once(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.registry.push("default", archive(tmp_path))
    forget(store)
    made, written = skill_records._listing_row, []

    def noted(*of: Any) -> Any:
        written.append(of)
        return made(*of)

    monkeypatch.setattr(skill_records, "_listing_row", noted)
    assert listed(store) == [("echo", "1.0.0", "d")]
    assert len(written) == 1
    list(store.registry.index("default", [("echo", "1.0.0")]))
    assert len(written) == 2, "what is known already is written anew"


def test_whoever_has_only_rows_left_is_a_tenant_of_the_lists(store: Installation, tmp_path: Path) -> None:
    for tenant in ("acme", "gone"):
        store.registry.push(tenant, archive(tmp_path))
    store.registry._bucket.delete("gone/echo/1.0.0/skill.zip")
    put(store, archive(tmp_path), "unseen/echo/1.0.0/skill.zip")
    assert store.registry.all_tenants() == ("acme", "gone", "unseen")
