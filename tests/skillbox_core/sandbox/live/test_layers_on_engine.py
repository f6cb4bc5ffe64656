"""Environments on a real engine: one layer on the base, made once, nothing run for it, pruned when nothing uses it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from skillbox_core import CancelToken, Runner
from skillbox_core.errors import (
    ChangedObjectError,
    DiskError,
    EngineError,
    PolicyError,
    RunCancelledError,
    StorageError,
)
from skillbox_core.operations.orphans import find_orphans
from skillbox_core.sandbox import building, layer, pruning
from skillbox_core.sandbox.building import ready_environment
from skillbox_core.sandbox.engine import Engine, Image
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.layer import Packed
from skillbox_core.sandbox.pruning import prune_environments, stored_environments
from tests.services.trees import SITE, tree, tree_of

PLENTY = 1 << 40


@pytest.fixture(scope="module")
def engine(runner: Runner) -> Engine:
    return runner.installation.engine


@pytest.fixture(scope="module")
def base(runner: Runner, engine: Engine) -> Image:
    return ready_image(engine, runner.installation.settings.image_aliases.get("python:3.12-slim", "python:3.12-slim"))


@pytest.fixture
def made(engine: Engine, base: Image) -> Iterator[Packed]:
    """A tree of this test's own, whose image is gone afterwards."""
    own = tree({f"{SITE}/hello/__init__.py": f"ID = {uuid.uuid4().hex!r}\n".encode(), "bin/hello": b"#!/bin/sh\n"})
    yield own
    engine.remove_image(layer.environment_name(own.digest, base.id))


def ready(runner: Runner, base: Image, own: Packed, lines: list[str] | None = None, **more: object) -> Image:
    say = (lambda progress: lines.append(progress.text)) if lines is not None else None
    instance = runner.installation.settings.instance
    return ready_environment(
        runner.installation.engine,
        base,
        own,
        instance=instance,
        on_progress=say,
        **{"most": PLENTY, **more},
    )  # type: ignore[arg-type]


def builds(runner: Runner) -> list[str]:
    found = runner.installation.engine.containers({"skillbox.instance": runner.installation.settings.instance})
    return [container["Id"] for container in found if layer.LABEL_TREE in container["Labels"]]


def test_it_is_its_base_with_one_layer_and_built_once(
    runner: Runner, engine: Engine, base: Image, made: Packed
) -> None:
    lines: list[str] = []
    image = ready(runner, base, made, lines)
    assert lines[0].startswith(f"building environment {made.digest[7:19]}")
    assert lines[-1].startswith(f"built environment {made.digest[7:19]}")
    found, below = engine.inspect_image(image.id), engine.inspect_image(base.id)
    assert found is not None
    assert below is not None
    assert found["RootFS"]["Layers"][:-1] == below["RootFS"]["Layers"]
    assert (found["Config"]["Env"], found["Config"]["Volumes"]) == (below["Config"]["Env"], None)
    labels = found["Config"]["Labels"]
    assert {label: value for label, value in labels.items() if value and label != layer.LABEL_MADE} == {
        "managed-by": "skillbox", layer.LABEL_TREE: made.digest, layer.LABEL_BASE: base.id,
        layer.LABEL_SIZE: str(made.size),
    }  # fmt: skip
    again: list[str] = []
    assert ready(runner, base, made, again).id == image.id
    assert (again, builds(runner)) == ([], [])


def test_threads_that_ask_at_once_build_it_once(runner: Runner, base: Image, made: Packed) -> None:
    opened, found = [], []

    def open_tree() -> object:
        opened.append(1)
        return made.open()

    counted = replace(made, open=open_tree)  # type: ignore[arg-type]
    threads = [threading.Thread(target=lambda: found.append(ready(runner, base, counted).id)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(opened), len(set(found)), len(found)) == (1, 1, 6)


def test_a_worker_waits_for_anothers_build(
    runner: Runner, engine: Engine, base: Image, made: Packed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker is a thread with a lock of its own, as another process has."""
    begun, go = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        begun.set()
        assert go.wait(30)
        yield from made.open()

    other = Runner.from_settings(runner.installation.settings)
    first: list[str] = []
    thread = threading.Thread(target=lambda: first.append(ready(other, base, replace(made, open=slowly)).id))
    thread.start()
    assert begun.wait(30)
    monkeypatch.setattr(building, "_locks", type(building._locks)())
    lines: list[str] = []
    waiter: list[str] = []

    def never() -> Iterator[bytes]:
        raise AssertionError("it was built twice")
        yield b""

    second = threading.Thread(target=lambda: waiter.append(ready(runner, base, replace(made, open=never), lines).id))
    second.start()
    give_up = time.monotonic() + 20
    while not lines and time.monotonic() < give_up:
        time.sleep(0.02)
    go.set()
    thread.join()
    second.join()
    assert "another worker builds" in lines[0]
    assert len(first) == 1
    assert first == waiter


def abandoned(runner: Runner, base: Image, own: Packed) -> str:
    """What a worker leaves that is killed while it builds."""
    instance = runner.installation.settings.instance
    labels = layer.build_labels(own.digest, base.id, own.size, instance, int(time.time()))
    return runner.installation.engine.create(
        layer.build_name(own.digest, base.id, instance), layer.build_config(labels, placeholder=True)
    )


def test_what_a_dead_worker_left_is_taken_away_once_no_builder_can_be_at_it(
    runner: Runner, engine: Engine, base: Image, made: Packed, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = abandoned(runner, base, made)
    token = CancelToken()
    threading.Timer(1.5, token.cancel).start()
    with pytest.raises(RunCancelledError):
        ready(runner, base, made, cancel=token)
    assert builds(runner) == [left], "it may still be built"
    monkeypatch.setattr(layer, "BUILD_TIMEOUT", -1.0)
    monkeypatch.setattr(building, "TAKEOVER_GRACE", 0.0)
    building._take_away_if_dead(engine, layer.build_name(made.digest, base.id, runner.installation.settings.instance),
                                made, runner.installation.settings.instance)  # fmt: skip
    assert builds(runner) == []
    monkeypatch.undo()
    assert ready(runner, base, made).id


def test_a_clean_up_finds_what_a_dead_worker_left(
    runner: Runner, base: Image, made: Packed, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skillbox_core.operations import orphans

    left = abandoned(runner, base, made)
    try:
        assert [one for one in find_orphans(runner.installation) if one.kind == "container"] == []
        monkeypatch.setattr(orphans, "GRACE", -1_000_000.0)
        found = [one for one in orphans.cleanup_orphans(runner.installation) if one.kind == "container"]
        assert [orphan.done for orphan in found] == [True]
        assert builds(runner) == []
        assert "deadline" in found[0].why
    finally:
        runner.installation.engine.remove(left)


def test_bytes_that_are_not_the_trees_become_no_image(
    runner: Runner, engine: Engine, base: Image, made: Packed
) -> None:
    good = b"".join(made.open())
    poisoned = replace(tree_of(good.replace(b"ID = '", b'ID = "')), digest=made.digest)
    with pytest.raises(ChangedObjectError, match=made.digest):
        ready(runner, base, poisoned)
    assert engine.inspect_image(layer.environment_name(made.digest, base.id)) is None
    assert builds(runner) == []


@pytest.mark.parametrize(
    ("error", "read"),
    [
        (PolicyError, lambda data: [b"\x1f\x8b" + data[2:]]),
        (PolicyError, lambda data: [data[:-10], b"x" * 10]),
        (EngineError, lambda data: [data[:-512]]),
        (PolicyError, lambda data: [data, bytes(512)]),
    ],
)
def test_a_tar_that_is_no_trees_becomes_no_image(
    runner: Runner, engine: Engine, base: Image, made: Packed, error: type[Exception], read: object
) -> None:
    data = b"".join(made.open())
    with pytest.raises(error):
        ready(runner, base, replace(made, open=lambda: read(data)))  # type: ignore[operator]
    assert engine.inspect_image(layer.environment_name(made.digest, base.id)) is None
    assert builds(runner) == []


@pytest.mark.parametrize(("raised", "error"), [(OSError("gone"), DiskError), (StorageError("no"), StorageError)])
def test_a_store_that_fails_half_way_is_said_as_what_it_is(
    runner: Runner, base: Image, made: Packed, raised: Exception, error: type[Exception]
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"".join(made.open())[:1024]
        raise raised

    with pytest.raises(error):
        ready(runner, base, replace(made, open=broken))
    assert builds(runner) == []
    assert ready(runner, base, made).id


def test_a_build_has_a_time_limit_of_its_own(
    runner: Runner, base: Image, made: Packed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer, "BUILD_TIMEOUT", -1.0)
    with pytest.raises(EngineError, match="took more than"):
        ready(runner, base, made)


def test_a_base_that_is_gone_is_said(runner: Runner, made: Packed) -> None:
    with pytest.raises(EngineError, match="was removed from the engine meanwhile"):
        ready(runner, Image(f"sha256:{'0' * 64}", (), ()), made)


def test_an_image_that_somebody_else_made_under_its_name_is_refused(
    runner: Runner, engine: Engine, base: Image, made: Packed
) -> None:
    name = layer.environment_name(made.digest, base.id)
    engine._api.tag(base.id, *name.split(":"))
    with pytest.raises(PolicyError, match="is not the environment that its name says"):
        ready(runner, base, made)


def test_one_that_vanished_is_made_again(runner: Runner, engine: Engine, base: Image, made: Packed) -> None:
    first = ready(runner, base, made)
    assert engine.remove_image(layer.environment_name(made.digest, base.id))
    with pytest.raises(EngineError) as caught:
        engine.create(f"t-{uuid.uuid4().hex[:8]}", {"Image": first.id, "Cmd": ["sh"]})
    assert caught.value.retryable
    assert engine.inspect_image(ready(runner, base, made).id)


def test_a_use_is_noted_on_the_engine(
    runner: Runner, engine: Engine, base: Image, made: Packed, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = ready(runner, base, made)

    def used() -> object:
        found = engine.inspect_image(image.id)
        return found and found["Metadata"]["LastTagTime"]

    first = used()
    ready(runner, base, made)
    assert used() == first, "not at each run"
    monkeypatch.setattr(building, "USE_INTERVAL", 0.0)
    ready(runner, base, made)
    assert used() != first


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[str]], None]:
    """Shows to pruning these environments only: other tests have theirs on the same engine."""

    def narrow(names: Sequence[str]) -> None:
        found = stored_environments
        monkeypatch.setattr(
            pruning, "stored_environments", lambda engine: [one for one in found(engine) if one.name in names]
        )

    return narrow


def test_what_was_not_used_for_longest_goes_and_what_a_container_uses_stays(
    runner: Runner, engine: Engine, base: Image, only: Callable[[Sequence[str]], None]
) -> None:
    trees = [tree({f"{SITE}/x.py": f"{uuid.uuid4()}".encode() + bytes(50_000)}) for _ in range(3)]
    images = [ready(runner, base, own) for own in trees]
    names = [layer.environment_name(own.digest, base.id) for own in trees]
    only(names)
    container = engine.create(f"t-{uuid.uuid4().hex[:8]}", {"Image": images[0].id, "Cmd": ["sh"]})
    try:
        assert prune_environments(engine, 0) == [], "those that were just made stay"
        room = sum(one.size for one in trees) - 1
        # The first is in use by a container that was never started, and by no installation at all.
        assert [one.name for one in prune_environments(engine, room, recent=-60.0)] == [names[1]]
        engine.remove(container)
        assert [one.name for one in prune_environments(engine, 0, recent=-60.0)] == [names[0], names[2]]
        assert engine.inspect_image(base.id) is not None
    finally:
        engine.remove(container)
        for name in names:
            engine.remove_image(name)


def test_one_whose_name_another_has_taken_is_pruned_too(
    runner: Runner, engine: Engine, base: Image, made: Packed, only: Callable[[Sequence[str]], None]
) -> None:
    lost = ready(runner, base, made)
    name = layer.environment_name(made.digest, base.id)
    engine._api.tag(base.id, *name.split(":"))
    only([lost.id])
    assert [one.name for one in prune_environments(engine, 0, recent=-60.0)] == [lost.id]
    assert engine.inspect_image(lost.id) is None
