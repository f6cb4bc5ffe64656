"""The scheduler beside the core is found by its entry point, and what is missing is said in one sentence."""

from __future__ import annotations

from importlib import metadata
from importlib.metadata import EntryPoint

import pytest

from skillbox_core.cli import deploy
from skillbox_core.errors import SettingsError


def test_the_installed_scheduler_is_prefects() -> None:
    assert [entry.value for entry in metadata.entry_points(group=deploy.GROUP)] == [
        "prefect_skillbox.flows.deploy:deploy"
    ]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], "no scheduler is installed"),
        (
            [EntryPoint("other", "no_such_module:deploy", deploy.GROUP)],
            "the scheduler other can't be loaded: No module",
        ),
    ],
)
def test_a_missing_scheduler_is_named(entries: list[EntryPoint], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda group: entries)
    with pytest.raises(SettingsError, match=said):
        deploy.scheduler()
