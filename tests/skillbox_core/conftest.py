"""Both kinds of storage: folder and SQLite, S3 and Postgres, each with a home of its own."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.services import swift
from tests.services.postgres import fresh_database

if TYPE_CHECKING:
    # See tests/conftest.py.
    from skillbox_core import Settings
    from skillbox_core.installation import Installation

KINDS = ("folder and SQLite", "S3 and Postgres")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, installation: Settings, tmp_path: Path) -> Installation:
    """An installation on empty storage."""
    return empty_store(request, installation, tmp_path)


def empty_store(request: pytest.FixtureRequest, installation: Settings, folder: Path) -> Installation:
    """An installation on empty storage of the kind that the request's parameter names."""
    from skillbox_core.installation import Installation

    settings = installation.model_copy(update={"home": folder / "home"})
    if request.param == "S3 and Postgres":
        service: swift.S3Service = request.getfixturevalue("s3")
        unique = uuid.uuid4().hex[:8]
        settings = settings.model_copy(
            update={
                "db_dsn": fresh_database(request.getfixturevalue("database_url")),
                "s3_endpoint": service.endpoint,
                "s3_access_key": service.access_key,
                "s3_secret_key": service.secret_key,
                "s3_bucket_skills": f"skills-{unique}",
                "s3_bucket_executions": f"executions-{unique}",
            }
        )
    return Installation.from_settings(settings)


@pytest.fixture
def local(installation: Settings, tmp_path: Path) -> Installation:
    """An installation on empty storage in folders."""
    from skillbox_core.installation import Installation

    return Installation.from_settings(installation.model_copy(update={"home": tmp_path / "home"}))
