"""What environments cost, and what doctor says of the images that skills name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from skillbox_core.installation import Installation
from skillbox_core.operations import environment_checks
from skillbox_core.operations.environment_checks import cost, environments_check, skill_image_checks
from skillbox_core.sandbox.pruning import StoredEnvironment
from skillbox_core.settings import Settings


def image(size: int) -> StoredEnvironment:
    return StoredEnvironment("skillbox-environment:x", "sha256:a", "sha256:b", size, 0.0)


@pytest.mark.parametrize(
    ("sizes", "level", "found"),
    [
        ((), "OK", "0 on the engine, 0 bytes of 1Ki"),
        ((1000, 24), "OK", "2 on the engine, 1Ki of 1Ki"),
        ((1024, 1024), "WARN", "2 on the engine, 2Ki of 1Ki"),
    ],
)
def test_the_cost_is_said_and_warned_of_over_the_limit(sizes: tuple[int, ...], level: str, found: str) -> None:
    check = cost([image(size) for size in sizes], 1024)
    assert (check.level, check.found) == (level, found)
    assert ("`skillbox env prune`" in check.advice) == (level == "WARN")


@pytest.fixture
def away(tmp_path: Path) -> Installation:
    """An installation whose engine does not answer."""
    settings = Settings(home=tmp_path / "home", s3_endpoint="", db_dsn="", docker_host=f"unix://{tmp_path}/none.sock")
    return Installation.from_settings(settings)


def push(installation: Installation, folder: Path, name: str, front: str, tenant: str = "default") -> None:
    made = folder / f"{name}.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("SKILL.md", f"---\nname: {name}\ndescription: d\n{front}\n---\n")
        archive.writestr("main.py", "")
    installation.registry.push(tenant, made)


def test_an_image_that_is_not_allowed_is_said_with_the_skills_that_name_it(away: Installation, tmp_path: Path) -> None:
    for number in range(5):
        push(away, tmp_path, f"own-{number}", "image: data:1")
    push(away, tmp_path, "theirs", "image: data:1\nversion: 2.0.0", "acme")
    push(away, tmp_path, "usual", "image: python:3.12-slim")
    push(away, tmp_path, "unsaid", "")
    (check,) = skill_image_checks(away)
    assert (check.part, check.level) == ("image data:1", "WARN")
    assert check.found.startswith("for acme/theirs, default/own-0, default/own-1 and 3 more: it is not allowed here")


def test_only_the_highest_version_counts(away: Installation, tmp_path: Path) -> None:
    push(away, tmp_path, "moved", "image: data:1\nversion: 1.0.0")
    push(away, tmp_path, "moved", "version: 2.0.0")
    assert list(skill_image_checks(away)) == []


def test_so_many_skills_are_looked_at_and_no_more(
    away: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment_checks, "MAX_SKILLS", 1)
    for name in ("one", "two"):
        push(away, tmp_path, name, "image: data:1")
    bound, check = skill_image_checks(away)
    assert bound.found == "there are 2, and the images of the first 1 were looked at"
    assert check.found.startswith("for default/one: it is not allowed")


def test_a_skill_that_changed_in_the_store_is_said(away: Installation, tmp_path: Path) -> None:
    push(away, tmp_path, "broken", "")
    stored = away.settings.home / "store" / "skills" / "default" / "broken" / "1.0.0" / "skill.zip"
    stored.write_bytes(b"something else")
    (check,) = skill_image_checks(Installation.from_settings(away.settings))
    assert check.level == "WARN"
    assert check.found.startswith("1 of 1 can't be read: default/broken: ")


def test_an_engine_that_does_not_answer_is_a_warning_of_each_part(away: Installation, tmp_path: Path) -> None:
    push(away, tmp_path, "other", "image: python:3.11-slim")
    (check,) = skill_image_checks(away)
    assert (check.part, check.level) == ("image python:3.11-slim", "WARN")
    assert environments_check(away).level == "WARN"
