"""Both kinds of storage: folder and SQLite, S3 and Postgres, each with a home of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from skillbox_core import Runner, Settings
from tests.services import postgres, swift


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[swift.S3Service]:
    if why := swift.missing():
        pytest.skip(why)
    with swift.swift(tmp_path_factory.mktemp("swift")) as service:
        yield service


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if why := postgres.missing():
        pytest.skip(why)
    with postgres.postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


def fresh_database(url: str) -> str:
    """The URL of a new, empty database on the same cluster."""
    import psycopg

    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{url.rpartition('/')[0]}/{name}"


KINDS = ("folder and SQLite", "S3 and Postgres")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, installation: Settings, tmp_path: Path) -> Runner:
    """A runner on empty storage."""
    return empty_store(request, installation, tmp_path)


def empty_store(request: pytest.FixtureRequest, installation: Settings, folder: Path) -> Runner:
    """A runner on empty storage of the kind that the request's parameter names."""
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
    return Runner.from_settings(settings)
