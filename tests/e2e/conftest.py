"""What a user sees, sees it with the containers that wait for a user: those of the default."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def cli_environment(cli_environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in cli_environment.items() if name != "SKILLBOX_POOL_MAX"}


@pytest.fixture(scope="module", autouse=True)
def _pool(usual_pool: None) -> None:
    """In each module."""
