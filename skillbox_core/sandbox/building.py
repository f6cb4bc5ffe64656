"""Environments made ready on an engine: found, or built as one layer on their base image.

Nothing is run and nothing is fetched but the tree. One build of an environment at a time for each installation: the
container's name is the lock, and one whose builder died is taken away when no builder can still be at it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from weakref import WeakValueDictionary

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.progress import OnProgress, Progress
from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import ChangedObjectError, DiskError, EngineError, RunCancelledError, SkillboxError
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.container import LABEL_INSTANCE
from skillbox_core.sandbox.engine import Engine, Image
from skillbox_core.sandbox.engine_errors import ContainerGoneError, ContainerRunningError, NameTakenError
from skillbox_core.sandbox.pruning import prune_environments
from skillbox_core.sandbox.treetar import TreeCheck

logger = logging.getLogger(__name__)

POLL_INTERVAL = 0.5
"""Seconds between two looks at somebody else's build."""
TAKEOVER_GRACE = 10.0
"""Seconds beyond a build's time limit after which its container is nobody's, by the engine's clock."""
USE_INTERVAL = 300.0
"""Seconds after which a use is noted again; less than what is recent to pruning."""
PROGRESS_STEP = 64 * 1024**2
"""Bytes between two words about how far a build is."""
_BEGUN, _UNPACKED = 50, 80
"""Percent of all that is made ready."""


def ready_environment(
    engine: Engine,
    base: Image,
    tree: layer.Packed,
    *,
    instance: str,
    most: int,
    on_progress: OnProgress | None = None,
    cancel: CancelToken | None = None,
) -> Image:
    """The image with this environment on this base, built if need be. Safe to repeat, and for several at once.

    It has a time limit of its own (`layer.build_timeout`), which is no part of a skill's.

    Args:
        base: From `ready_image`.
        instance: The installation.
        most: Bytes that all environments of the engine may take; what was not used for longest goes after a build.
        on_progress: Told how far a build is; hears nothing where the image is there.
        cancel: Ends a build.

    Raises:
        PolicyError: What is under its name is another image, or the tree's tar has something it must not have.
        ChangedObjectError: The tree's bytes are not those of its digest.
        EngineError: The engine failed, its disk is full, or the base was removed meanwhile; repeating it is safe.
        RunCancelledError: `cancel` was tripped.
    """
    if image := _found(engine, base, tree.digest):
        return image
    say = on_progress or (lambda _progress: None)
    with _one_at_a_time(f"{engine.url} {layer.environment_name(tree.digest, base.id)}"):
        give_up = time.monotonic() + 2 * layer.build_timeout(tree.size) + TAKEOVER_GRACE
        told = False
        while True:
            if image := _found(engine, base, tree.digest):
                return image
            if cancel and cancel.cancelled:
                raise RunCancelledError("cancelled by the caller while its environment was built")
            if _build(engine, base, tree, instance, say, cancel):
                _make_room(engine, most)
                continue
            if time.monotonic() > give_up:
                raise EngineError(f"another worker did not end its build of {_called(tree)}")
            if not told:
                say(Progress(_BEGUN, f"another worker builds {_called(tree)}: waiting for it"))
                told = True
            time.sleep(POLL_INTERVAL)


def _make_room(engine: Engine, most: int) -> None:
    try:
        prune_environments(engine, most)
    except SkillboxError as error:
        # The environment is there; the next build tries again.
        logger.warning("could not remove old environments: %s", error)


def _called(tree: layer.Packed) -> str:
    return f"environment {tree.digest.removeprefix('sha256:')[:12]} ({format_bytes(tree.size)})"


def _found(engine: Engine, base: Image, tree: str) -> Image | None:
    """The image, held against what its name says, with its use noted."""
    name = layer.environment_name(tree, base.id)
    found = engine.inspect_image(name)
    if found is None:
        return None
    below = engine.inspect_image(base.id)
    if below is None:
        raise EngineError(f"the base image {base.id} was removed from the engine meanwhile")
    layer.verify_environment(found, below, tree)
    used = layer.last_use(found)
    if used is None or abs(time.time() - used) > USE_INTERVAL:
        engine.touch_image(name)
    return Image(str(found["Id"]), (), ())


def _build(
    engine: Engine, base: Image, tree: layer.Packed, instance: str, say: OnProgress, cancel: CancelToken | None
) -> bool:
    """Builds it; False while somebody else does."""
    name = layer.build_name(tree.digest, base.id, instance)
    below = engine.inspect_image(base.id)
    if below is None:
        raise EngineError(f"the base image {base.id} was removed from the engine meanwhile")
    labels = layer.build_labels(tree.digest, base.id, tree.size, instance, int(time.time()))
    began = time.monotonic()
    deadline = began + layer.build_timeout(tree.size)
    try:
        container = engine.create(name, layer.build_config(labels, placeholder=not layer.has_command(below)))
    except NameTakenError:
        _take_away_if_dead(engine, name, tree, instance)
        return False
    try:
        with _explained(tree):
            say(Progress(_BEGUN, f"building {_called(tree)} on {base.id.removeprefix('sha256:')[:12]}"))
            check = TreeCheck(tree.size)
            chunks = _checked(tree, check, deadline, say, cancel)
            engine.put_archive(container, layer.ARCHIVE_PATH, tree.size, chunks, timeout=_left(deadline))
            # The image's name says this digest; what has another one never becomes an image.
            if (passed := check.finish()) != tree.digest:
                raise ChangedObjectError(f"the bytes of the environment {tree.digest} have the digest {passed}")
            say(Progress(_UNPACKED, f"unpacked {check.members} files and folders"))
            repository, _, tag = layer.environment_name(tree.digest, base.id).partition(":")
            engine.commit(container, repository, tag, layer.commit_config(), timeout=_left(deadline))
            say(Progress(100, f"built {_called(tree)} in {time.monotonic() - began:.1f} s"))
    finally:
        # Else it is taken away by the next who builds this, or by a clean-up.
        with suppress(SkillboxError):
            engine.remove(container)
    return True


def _checked(
    tree: layer.Packed, check: TreeCheck, deadline: float, say: OnProgress, cancel: CancelToken | None
) -> Iterator[bytes]:
    passed, next_line = 0, PROGRESS_STEP
    try:
        for chunk in tree.open():
            if cancel and cancel.cancelled:
                raise RunCancelledError("cancelled by the caller while its environment was built")
            if time.monotonic() > deadline:
                raise EngineError(
                    f"building {_called(tree)} took more than {layer.build_timeout(tree.size):.0f} s",
                    hint="the object store or the engine is too slow for it",
                )
            check.feed(chunk)
            yield chunk
            passed += len(chunk)
            if passed >= next_line:
                done = _BEGUN + (_UNPACKED - _BEGUN) * passed // tree.size
                say(Progress(done, f"{format_bytes(passed)} of {format_bytes(tree.size)} unpacked"))
                next_line = passed + PROGRESS_STEP
    except OSError as error:
        raise DiskError(f"the environment {tree.digest} could not be read to its end: {error}") from error


def _left(deadline: float) -> float:
    return max(1.0, deadline - time.monotonic())


@contextmanager
def _explained(tree: layer.Packed) -> Iterator[None]:
    try:
        yield
    except ContainerGoneError as error:
        # Taken for a dead one's: it can be built again.
        raise EngineError(error.message) from error
    except EngineError as error:
        if "no space left" not in error.message:
            raise
        raise EngineError(
            f"the engine's disk is full: {_called(tree)} did not fit ({error.message})",
            hint="`skillbox env prune` removes what nothing uses; SKILLBOX_MAX_ENVIRONMENTS_SIZE bounds the whole",
        ) from error


def _take_away_if_dead(engine: Engine, name: str, tree: layer.Packed, instance: str) -> None:
    """Removes a build's container that is older than any build may become, by the engine's clock alone."""
    # From the list: while an archive is put into a container, the engine lets nobody inspect it.
    listed = engine.containers({LABEL_INSTANCE: instance, layer.LABEL_TREE: tree.digest})
    found = next((one for one in listed if f"/{name}" in (one.get("Names") or ())), None)
    if found is None:
        # Gone meanwhile; or of a name that is reserved for a container that the engine is still making.
        return
    age = layer.seconds(engine.info()["SystemTime"]) - float(found["Created"])
    if age > layer.build_timeout(tree.size) + TAKEOVER_GRACE:
        with suppress(ContainerRunningError):
            engine.remove(str(found["Id"]), force=False)


class _Lock:
    def __init__(self) -> None:
        self.lock = threading.Lock()


_locks: WeakValueDictionary[str, _Lock] = WeakValueDictionary()
_locks_lock = threading.Lock()


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    """Threads of one process wait here, not at the engine: a mapped skill asks for one environment many times."""
    with _locks_lock:
        mine = _locks.setdefault(name, _Lock())
    with mine.lock:
        yield
