"""Environments on an engine: which there are, when each was used last, and which go when they take too much room.

They belong to no installation. What a container was made from stays, whoever made it and whether it runs or not: the
engine itself refuses to remove it, so nothing has to be counted here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from skillbox_core.sandbox import layer
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.policy import MANAGED_BY

logger = logging.getLogger(__name__)

RECENT = 900.0
"""Seconds after its last noted use for which an environment stays: somebody may be about to make a sandbox of it."""


@dataclass(frozen=True)
class StoredEnvironment:
    """An environment's image on an engine.

    Attributes:
        name: Its tag, or its id where another image has taken its tag.
        tree, base: Digest of its tree, id of its base.
        size: Bytes of its tree.
        used: Seconds since the epoch, by the engine's clock.
    """

    name: str
    tree: str
    base: str
    size: int
    used: float


def stored_environments(engine: Engine) -> list[StoredEnvironment]:
    """All environments on an engine, the one that was not used for longest first."""
    found = []
    for image in engine.images([f"managed-by={MANAGED_BY}", layer.LABEL_TREE]):
        labels = image.get("Labels") or {}
        if layer.check_labels(labels):
            # Somebody made an image of a sandbox, say: it is not ours to remove.
            continue
        tree, base = labels[layer.LABEL_TREE], labels[layer.LABEL_BASE]
        name, used = layer.environment_name(tree, base), float(image.get("Created") or 0)
        tags = [tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>"]
        if name in tags:
            described = engine.inspect_image(name)
            used = (described and layer.last_use(described)) or used
        elif tags:
            continue
        else:
            name = str(image["Id"])
        found.append(StoredEnvironment(name, tree, base, int(labels[layer.LABEL_SIZE]), used))
    return sorted(found, key=lambda one: (one.used, one.name))


def removable(stored: Sequence[StoredEnvironment], now: float, recent: float = RECENT) -> list[StoredEnvironment]:
    """Those that were not asked for of late, in the order in which they go. Pure."""
    old = [one for one in stored if now - one.used > recent]
    return sorted(old, key=lambda one: (one.used, one.name))


def prune_environments(engine: Engine, most: int, *, recent: float = RECENT) -> list[StoredEnvironment]:
    """Removes environments that no container uses until the rest take no more than `most` bytes.

    Args:
        recent: Seconds since its last use for which one stays in any case.

    Returns:
        What was removed.

    Raises:
        EngineError: The engine failed; calling again is safe.
    """
    stored = stored_environments(engine)
    total = sum(one.size for one in stored)
    removed: list[StoredEnvironment] = []
    if total <= most:
        return removed
    for one in removable(stored, layer.seconds(engine.info()["SystemTime"]), recent):
        if total <= most:
            break
        if engine.remove_image(one.name):
            total -= one.size
            removed.append(one)
            logger.info("removed the environment %s, %d bytes", one.name, one.size)
    return removed
