"""The Prefect server that `make setup` found, and the test installation in this process's environment."""

from __future__ import annotations

import os

import pytest

from skillbox_core import Settings


@pytest.fixture(autouse=True)
def _this_installation(installation: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.environ.get("PREFECT_API_URL"), "`make test` starts the server that these tests need"
    monkeypatch.setenv("SKILLBOX_HOME", str(installation.home))
    monkeypatch.setenv("SKILLBOX_INSTANCE", installation.instance)
