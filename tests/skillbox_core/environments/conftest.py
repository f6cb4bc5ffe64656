"""An index in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.services.wheels import use_folder


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where packages are looked for."""
    return use_folder(tmp_path / "index", monkeypatch)
