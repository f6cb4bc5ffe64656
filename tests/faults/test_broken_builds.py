"""Builds of environments that are broken off: nothing half built is ever used, and the next one builds it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from skillbox_core import Settings
from skillbox_core.broker.proxy import Broker
from skillbox_core.errors import EngineError
from skillbox_core.sandbox import building, layer
from skillbox_core.sandbox.building import ready_environment
from skillbox_core.sandbox.engine import Engine, Image
from skillbox_core.sandbox.layer import Packed
from tests.faults.dockerd import IMAGE, Dockerd, dockerd, missing
from tests.services.trees import SITE, tree

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.fixture(scope="module")
def own_engine() -> Iterator[Dockerd]:
    """An engine with a disk of 100 MB."""
    folder = Path(tempfile.mkdtemp(prefix="sbe-"))
    (folder / "data").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "skillbox-tests", str(folder / "data")], check=True)
    try:
        with dockerd(folder) as engine:
            yield engine
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def base(engine: Dockerd) -> Image:
    found = Engine(engine.url).image(IMAGE)
    assert found is not None
    return found


def ready(engine: Dockerd, own: Packed, lines: list[str] | None = None, url: str = "") -> Image:
    say = (lambda progress: lines.append(progress.text)) if lines is not None else None
    return ready_environment(
        Engine(url or engine.url),
        base(engine),
        own,
        instance="faults",
        most=1 << 40,
        on_progress=say,
    )


def left(engine: Dockerd) -> list[str]:
    return [container["Id"] for container in Engine(engine.url).containers({"skillbox.instance": "faults"})]


def small(content: bytes) -> Packed:
    return tree({f"{SITE}/x.py": content})


@pytest.fixture(params=["direct", "through a broker"])
def address(request: pytest.FixtureRequest, own_engine: Dockerd) -> Iterator[str]:
    if request.param == "direct":
        yield own_engine.url
        return
    folder = Path(tempfile.mkdtemp(prefix="sbb-"))
    settings = Settings(instance="faults", image_allowlist=(IMAGE,), image_aliases={})
    with Broker(folder / "s", own_engine.url, settings) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"unix://{folder}/s"
        finally:
            server.shutdown()
            thread.join()
            shutil.rmtree(folder)


def test_a_full_disk_of_the_engine_is_said_and_leaves_nothing(own_engine: Dockerd, address: str) -> None:
    large = tree({f"{SITE}/x/{n}": os.urandom(10_000_000) for n in range(12)})
    with pytest.raises(EngineError, match="the engine's disk is full") as caught:
        ready(own_engine, large, url=address)
    assert "skillbox env prune" in str(caught.value)
    assert left(own_engine) == []
    assert Engine(own_engine.url).inspect_image(layer.environment_name(large.digest, base(own_engine).id)) is None
    assert ready(own_engine, small(b"there is room"), url=address).id


def test_an_engine_that_dies_half_way_builds_it_when_it_is_back(
    own_engine: Dockerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = small(os.urandom(2_000_000))

    def until_it_dies() -> Iterator[bytes]:
        for number, piece in enumerate(own.open()):
            if number == 5:
                own_engine.kill()
            yield piece

    with pytest.raises(EngineError) as caught:
        ready(own_engine, replace(own, open=until_it_dies))
    assert caught.value.retryable
    own_engine.start()
    monkeypatch.setattr(layer, "BUILD_TIMEOUT", 2.0)
    monkeypatch.setattr(building, "TAKEOVER_GRACE", 0.0)
    assert ready(own_engine, own).id
    assert left(own_engine) == []


def test_a_build_whose_worker_is_killed_is_done_by_the_next(
    own_engine: Dockerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer, "BUILD_TIMEOUT", 4.0)
    monkeypatch.setattr(building, "TAKEOVER_GRACE", 0.0)
    own = small(os.urandom(1_000_000))

    def killed() -> Iterator[bytes]:
        pieces = list(own.open())
        yield pieces[0]
        os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        ready(own_engine, replace(own, open=killed))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert len(left(own_engine)) == 1
    lines: list[str] = []
    assert ready(own_engine, own, lines).id
    assert "another worker builds" in lines[0]
    assert left(own_engine) == []
