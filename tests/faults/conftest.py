"""An installation whose engine, object store and database can each be made to misbehave."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from skillbox_core import Runner, Settings
from skillbox_core.base import retry
from skillbox_core.sandbox import engine, follow
from skillbox_core.sandbox.container import LABEL_INSTANCE
from skillbox_core.storage import objects, postgres
from tests.faults.world import World, push, request
from tests.services.faults import http_proxy, postgres_proxy
from tests.services.postgres import fresh_database
from tests.services.starts import Starts
from tests.services.swift import S3Service


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is promised in tens of seconds is tried in seconds."""
    monkeypatch.setattr(engine, "REQUEST_TIMEOUT", 3)
    monkeypatch.setattr(follow, "QUIET", 1.0)
    monkeypatch.setattr(follow, "OUTAGE", 6.0)
    monkeypatch.setattr(objects, "ANSWER_SECONDS", 2)
    monkeypatch.setattr(postgres, "ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.05)


@pytest.fixture(scope="session")
def _world(
    installation: Settings, s3: S3Service, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    url = fresh_database(database_url)
    unique = uuid.uuid4().hex[:8]
    direct = installation.model_copy(
        update={
            "home": tmp_path_factory.mktemp("faults"),
            "instance": f"faults-{unique}",
            "db_dsn": url,
            "s3_endpoint": s3.endpoint,
            "s3_access_key": s3.access_key,
            "s3_secret_key": s3.secret_key,
            "s3_bucket_skills": f"skills-{unique}",
            "s3_bucket_executions": f"executions-{unique}",
        }
    )
    outside = Runner.from_settings(direct)
    address = url.partition("@")[2].partition("/")[0]
    with ExitStack() as stack:
        engine_proxy = stack.enter_context(http_proxy(direct.engine_url))
        store = stack.enter_context(http_proxy(s3.endpoint))
        database = stack.enter_context(postgres_proxy(address))
        settings = direct.model_copy(
            update={
                "docker_host": engine_proxy.address,
                "s3_endpoint": store.address,
                "db_dsn": url.replace(address, database.address),
            }
        )
        push(outside)
        starts = stack.enter_context(Starts(direct.engine_url, f"{LABEL_INSTANCE}={direct.instance}"))
        world = World(engine_proxy, store, database, settings, outside, starts)
        # The bucket of executions is made by the first upload.
        world.assert_right(world.runner().run(request()))
        yield world


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    """The installation, with well-behaved parts."""
    for proxy in (_world.engine, _world.store, _world.database):
        proxy.clear()
    yield _world
    for proxy in (_world.engine, _world.store, _world.database):
        proxy.clear()
