"""Environments through the broker: built from the tree that was said and no other, and never run to be made."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skillbox_core import Runner, Settings
from skillbox_core.base.engine_http import connection
from skillbox_core.base.names import container_name
from skillbox_core.broker.proxy import Broker
from skillbox_core.errors import EngineError, PolicyError, SkillboxError
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.building import ready_environment
from skillbox_core.sandbox.container import LABEL_INSTANCE
from skillbox_core.sandbox.engine import Engine, Image
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.layer import Packed
from skillbox_core.sandbox.policy import container_config, user_id
from skillbox_core.sandbox.pruning import prune_environments, stored_environments
from tests.services.trees import SITE, file, pack, tree, tree_tar


@contextmanager
def brokered(runner: Runner, **settings: object) -> Iterator[Engine]:
    """The engine through a broker in this process."""
    folder = Path(tempfile.mkdtemp(prefix="sbb-"))
    own = runner.installation.settings.model_copy(update=settings)
    with Broker(folder / "s", runner.installation.settings.engine_url, own) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Engine(f"unix://{folder}/s")
        finally:
            server.shutdown()
            thread.join()
            shutil.rmtree(folder)


@pytest.fixture
def through(runner: Runner) -> Iterator[Engine]:
    with brokered(runner) as engine:
        yield engine


@pytest.fixture(scope="module")
def direct(runner: Runner) -> Engine:
    return runner.installation.engine


@pytest.fixture(scope="module")
def base(runner: Runner, direct: Engine) -> Image:
    return ready_image(direct, runner.installation.settings.image_aliases.get("python:3.12-slim", "python:3.12-slim"))


@pytest.fixture
def own(direct: Engine, base: Image) -> Iterator[Packed]:
    made = tree({f"{SITE}/hello/__init__.py": f"ID = {uuid.uuid4().hex!r}\n".encode()})
    yield made
    direct.remove_image(layer.environment_name(made.digest, base.id))


@pytest.fixture
def instance(runner: Runner, direct: Engine) -> Iterator[str]:
    """This installation; no build's container is left behind."""
    name = runner.installation.settings.instance
    yield name
    left = [c["Id"] for c in direct.containers({LABEL_INSTANCE: name}) if layer.LABEL_TREE in c["Labels"]]
    for container in left:
        direct.remove(container)


def begin(engine: Engine, base: Image, own: Packed, instance: str) -> str:
    """A build's container, as a worker asks for it."""
    labels = layer.build_labels(own.digest, base.id, own.size, instance, int(time.time()))
    name = layer.build_name(own.digest, base.id, instance)
    return engine.create(name, layer.build_config(labels, placeholder=True))


def put(engine: Engine, container: str, data: bytes) -> None:
    engine.put_archive(container, "/", len(data), [data], timeout=30)


def commit(engine: Engine, container: str, own: Packed, base: Image) -> None:
    repository, _, tag = layer.environment_name(own.digest, base.id).partition(":")
    engine.commit(container, repository, tag, layer.commit_config(), timeout=30)


def bytes_of(own: Packed) -> bytes:
    return b"".join(own.open())


def test_an_environment_is_built_used_and_pruned_through_it(
    through: Engine, direct: Engine, base: Image, own: Packed, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skillbox_core.sandbox import building, pruning

    image = ready_environment(through, base, own, instance=instance, most=1 << 40)
    monkeypatch.setattr(building, "USE_INTERVAL", 0.0)
    assert ready_environment(through, base, own, instance=instance, most=1 << 40) == image
    sandbox = sandbox_of(through, image.id, instance)
    name = layer.environment_name(own.digest, base.id)
    found = stored_environments
    monkeypatch.setattr(pruning, "stored_environments", lambda e: [one for one in found(e) if one.name == name])
    assert prune_environments(through, 0, recent=-60.0) == []
    through.start(sandbox)
    through.remove(sandbox)
    assert [one.name for one in prune_environments(through, 0, recent=-60.0)] == [name]
    assert direct.inspect_image(name) is None


def test_a_large_tree_passes_in_pieces(through: Engine, direct: Engine, base: Image, instance: str) -> None:
    large = tree({f"{SITE}/x/{n}": uuid.uuid4().bytes * 200_000 for n in range(3)})
    try:
        assert ready_environment(through, base, large, instance=instance, most=1 << 40).id
    finally:
        direct.remove_image(layer.environment_name(large.digest, base.id))


POISON: dict[str, Callable[[bytes], bytes]] = {
    "other bytes": lambda good: good.replace(b"ID = '", b'ID = "'),
    "compressed": lambda good: b"\x1f\x8b\x08" + good[3:],
    "a file of the image": lambda good: _with(good, file("etc/passwd", 0)),
    "a set-uid program": lambda good: _with(good, file("opt/skillbox/bin/su", 0, 0o4755)),
    "a whiteout": lambda good: _with(good, file("opt/skillbox/.wh..wh..opq", 0)),
}


def _with(good: bytes, member: object) -> bytes:
    """A tar of the same length, with another first member."""
    more = pack([(member, b"")])[:512]  # type: ignore[list-item]
    return more + good[512:]


@pytest.mark.parametrize("poison", POISON)
def test_a_poisoned_tree_gets_no_good_ones_name(
    through: Engine, direct: Engine, base: Image, own: Packed, instance: str, poison: str
) -> None:
    container = begin(through, base, own, instance)
    with pytest.raises(PolicyError, match="does not pass on an"):
        put(through, container, POISON[poison](bytes_of(own)))
    # Neither as it is, nor with the good one on top of what it left.
    with pytest.raises(PolicyError, match="has not passed whole"):
        commit(through, container, own, base)
    with pytest.raises(PolicyError, match="second archive"):
        put(through, container, bytes_of(own))
    with pytest.raises(PolicyError, match="has not passed whole"):
        commit(through, container, own, base)
    assert direct.inspect_image(layer.environment_name(own.digest, base.id)) is None
    assert through.remove(container)


def test_a_tree_is_committed_once_under_its_own_name_only(
    through: Engine, direct: Engine, base: Image, own: Packed, instance: str
) -> None:
    other = tree({f"{SITE}/other.py": b""})
    container = begin(through, base, own, instance)
    put(through, container, bytes_of(own))
    with pytest.raises(PolicyError, match="a commit as"):
        commit(through, container, other, base)
    assert direct.inspect_image(layer.environment_name(other.digest, base.id)) is None
    commit(through, container, own, base)
    with pytest.raises(SkillboxError, match="did not see the build"):
        commit(through, container, own, base)


def test_after_a_restart_of_the_broker_a_build_begins_anew(
    runner: Runner, base: Image, own: Packed, instance: str
) -> None:
    with brokered(runner) as first:
        container = begin(first, base, own, instance)
        with pytest.raises(PolicyError):
            put(first, container, POISON["other bytes"](bytes_of(own)))
    with brokered(runner) as second:
        # The container holds what the first refused: the good tree on top of it must not make it good.
        with pytest.raises(SkillboxError, match="did not see the build"):
            put(second, container, bytes_of(own))
        with pytest.raises(SkillboxError, match="did not see the build"):
            commit(second, container, own, base)
        assert second.remove(container)
        assert ready_environment(second, base, own, instance=instance, most=1 << 40).id


def test_a_build_is_never_run(through: Engine, base: Image, own: Packed, instance: str) -> None:
    container = begin(through, base, own, instance)
    for touch in (
        through.start, through.attach, through.follow,
        lambda name: list(through.logs(name)),
        lambda name: list(through.execute(name, ["id"], user="0", deadline=time.monotonic() + 5)),
    ):  # fmt: skip
        with pytest.raises(PolicyError, match=r"nothing is ever run|any exec but the one"):
            touch(container)
    assert through.inspect(container)["State"]["Status"] == "created"


def sandbox_of(engine: Engine, image: str, instance: str) -> str:
    execution = uuid.uuid4().hex
    labels = {"skillbox.execution": execution, LABEL_INSTANCE: instance}
    name = container_name(execution, 1)
    user = user_id(name, Settings().sandbox_users)
    body = container_config(
        user=user, image_id=image, memory=64 << 20, scratch=32 << 20, cpu_quota=50_000, labels=labels
    )
    return engine.create(name, body)


def test_nothing_is_put_into_a_sandbox_and_none_is_committed(
    through: Engine, base: Image, own: Packed, instance: str
) -> None:
    container = sandbox_of(through, base.id, instance)
    try:
        with pytest.raises(SkillboxError, match="did not see the build"):
            put(through, container, bytes_of(own))
        with pytest.raises(SkillboxError, match="did not see the build"):
            commit(through, container, own, base)
    finally:
        through.remove(container)


def test_another_installations_build_is_not_touched(runner: Runner, base: Image, own: Packed, instance: str) -> None:
    with brokered(runner) as ours, brokered(runner, instance="another") as theirs:
        container = begin(ours, base, own, instance)
        for touch in (theirs.remove, theirs.inspect, lambda name: put(theirs, name, bytes_of(own)),
                      lambda name: commit(theirs, name, own, base)):  # fmt: skip
            with pytest.raises(PolicyError, match="another installation's"):
                touch(container)
        with pytest.raises(PolicyError, match="another installation"):
            begin(theirs, base, own, instance)


def forged(direct: Engine, base: Image, own: Packed, **change: object) -> str:
    """An image that says it is an environment, made by somebody with the engine's socket."""
    labels = {
        **layer.build_labels(own.digest, base.id, own.size, "", 1), **layer.commit_config()["Labels"],
    }  # fmt: skip
    body = {"Image": base.id, "Cmd": ["sh"], "Labels": labels, "NetworkDisabled": False, **change}
    container = direct.create(f"t-{uuid.uuid4().hex[:8]}", body)
    name = layer.environment_name(own.digest, base.id)
    direct.commit(container, *name.split(":"), {}, timeout=30)
    direct.remove(container)
    found = direct.inspect_image(name)
    assert found is not None
    return str(found["Id"])


@pytest.mark.parametrize("change", [{"Env": ["LD_PRELOAD=/x"]}, {"Volumes": {"/data": {}}}, {"Labels": {"x": "y"}}])
def test_an_image_that_only_says_it_is_an_environment_makes_no_sandbox(
    through: Engine, direct: Engine, base: Image, own: Packed, instance: str, change: dict[str, object]
) -> None:
    image = forged(direct, base, own, **change)
    with pytest.raises(PolicyError, match=r"no environment|no allowed image"):
        sandbox_of(through, image, instance)


def test_an_environment_on_a_base_that_is_not_allowed_makes_no_sandbox(
    runner: Runner, direct: Engine, base: Image, own: Packed, instance: str
) -> None:
    image = ready_environment(direct, base, own, instance=instance, most=1 << 40)
    with (
        brokered(runner, image_allowlist=("other:1",), image_aliases={}) as strict,
        pytest.raises(PolicyError, match="nor an environment on one"),
    ):
        sandbox_of(strict, image.id, instance)


def test_an_environment_is_no_base(through: Engine, direct: Engine, base: Image, own: Packed, instance: str) -> None:
    image = ready_environment(direct, base, own, instance=instance, most=1 << 40)
    with pytest.raises(PolicyError, match="no allowed image's id"):
        begin(through, image, tree({f"{SITE}/y.py": b""}), instance)


def test_no_image_but_an_environments_is_removed_or_named(through: Engine, base: Image, runner: Runner) -> None:
    alias = runner.installation.settings.image_aliases.get("python:3.12-slim", "python:3.12-slim")
    for name in (alias, base.id):
        with pytest.raises(PolicyError):
            through.remove_image(name)
    with pytest.raises(PolicyError, match="no allowed image's id"):
        through.inspect_image(f"sha256:{'0' * 64}")
    with pytest.raises(PolicyError):
        through.touch_image(alias)


def test_a_tree_over_the_limit_is_refused(runner: Runner, base: Image, own: Packed, instance: str) -> None:
    with (
        brokered(runner, max_tree_size=own.size - 1) as small,
        pytest.raises(PolicyError, match="SKILLBOX_MAX_TREE_SIZE"),
    ):
        begin(small, base, own, instance)


def test_a_body_of_unknown_length_is_refused(through: Engine, base: Image, own: Packed, instance: str) -> None:
    container = begin(through, base, own, instance)
    link = connection(through.url, 20)
    target = f"/v1.41/containers/{container}/archive?path=/"
    # Its head alone: what is refused for it is not waited for.
    link.putrequest("PUT", target)
    link.putheader("Transfer-Encoding", "chunked")
    link.endheaders()
    answer = link.getresponse()
    assert answer.status == 403
    assert "unknown or too great length" in json.loads(answer.read())["message"]
    link.close()


def test_an_archive_that_breaks_off_makes_no_environment(
    through: Engine, direct: Engine, base: Image, own: Packed, instance: str
) -> None:
    container = begin(through, base, own, instance)
    with pytest.raises(EngineError, match="ended after"):
        through.put_archive(container, "/", own.size, [bytes_of(own)[:-512]], timeout=10)
    with pytest.raises(PolicyError, match="has not passed whole"):
        commit(through, container, own, base)


def test_a_good_tar_with_another_trees_size_is_refused(
    through: Engine, base: Image, own: Packed, instance: str
) -> None:
    container = begin(through, base, own, instance)
    with pytest.raises(PolicyError, match="for a build that said"):
        put(through, container, tree_tar({f"{SITE}/x": bytes(20_000)}))
