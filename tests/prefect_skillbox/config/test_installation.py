"""Which installation a flow's process works with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prefect_skillbox.config.installation import installation_settings
from skillbox_core.errors import SettingsError


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A worker's folder without an installation above it, for a user who has none."""
    for name in list(os.environ):
        if name.startswith("SKILLBOX_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_worker_without_an_installation_says_so_and_makes_none(nowhere: Path) -> None:
    with pytest.raises(SettingsError, match="there is no installation"):
        installation_settings()
    assert list(nowhere.iterdir()) == []


def test_a_home_in_job_variables_that_is_not_on_the_workers_machine_is_named(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKILLBOX_HOME", f"{nowhere}/elsewhere")
    with pytest.raises(SettingsError, match=f"SKILLBOX_HOME={nowhere}/elsewhere does not exist"):
        installation_settings()


def test_a_container_whose_parts_are_all_named_needs_no_home(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("DB_DSN", "postgresql://u@h/d"), ("S3_ENDPOINT", "h:1"), ("S3_ACCESS_KEY", "a"), ("S3_SECRET_KEY", "b"),
        ("HOME", f"{nowhere}/cache"),
    ):  # fmt: skip
        monkeypatch.setenv(f"SKILLBOX_{name}", value)
    assert installation_settings().home == nowhere / "cache"
    assert list(nowhere.iterdir()) == []
