"""An environment as one layer on a base image: its names, its labels, and what the engine must say of it. Pure.

A container is made from the base and never started, the tree's tar is put into it, and it is committed under a tag that
carries the digest of the tree's bytes and the base's id. Such images are shared by all installations of an engine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from skillbox_core.errors import PolicyError
from skillbox_core.sandbox.container import LABEL_DEADLINE, LABEL_EXECUTION, LABEL_INSTANCE
from skillbox_core.sandbox.policy import MANAGED_BY

ARCHIVE_PATH = "/"
"""Where a tree's tar is put: its members carry the whole path, so that its digest is that of the bytes which pass."""

REPOSITORY = "skillbox-environment"
LABEL_TREE = "skillbox.environment"
LABEL_BASE = "skillbox.environment.base"
LABEL_SIZE = "skillbox.environment.size"
LABEL_MADE = "skillbox.environment.made"

DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
NAME = re.compile(rf"{REPOSITORY}:[0-9a-f]{{64}}-[0-9a-f]{{12}}\Z")
_NUMBER = re.compile(r"[0-9]{1,12}\Z")
_NOTHING_TO_RUN = ["sh"]
"""An engine makes no container without a command, even one that is never started."""
_NOT_INHERITED = frozenset({"Hostname", "Domainname", "Image", "Labels", "Cmd"})
"""Of an image's configuration: what differs from its base's, or is left over from the container."""

BUILD_TIMEOUT = 60.0
"""Seconds that every build has."""
BUILD_RATE = 4 * 1024**2
"""Bytes for each further second: what the slowest store and engine still do."""


@dataclass(frozen=True)
class Packed:
    """The prepared packages of an environment, as one uncompressed tar.

    Attributes:
        digest: `sha256:...` of its bytes.
        size: How many there are.
        open: Gives them from the first one; called once for each build.
    """

    digest: str
    size: int
    open: Callable[[], Iterable[bytes]]


def build_timeout(size: int) -> float:
    """Seconds within which a tree of this size is a layer, or its build is dead."""
    return BUILD_TIMEOUT + size / BUILD_RATE


def environment_name(tree: str, base: str) -> str:
    """The image's name, from the digest of the tree and the id of the base image."""
    return f"{REPOSITORY}:{tree.removeprefix('sha256:')}-{base.removeprefix('sha256:')[:12]}"


def build_name(tree: str, base: str, instance: str) -> str:
    """The name of a build's container. One build for each installation at once: the engine gives a name to one only."""
    return f"skillbox-build-{hashlib.sha256(f'{instance} {tree} {base}'.encode()).hexdigest()[:32]}"


def build_labels(tree: str, base: str, size: int, instance: str, made: int) -> dict[str, str]:
    """What a build's container says of itself.

    Instance and deadline are a sandbox's labels too: by them it is its installation's, and is cleaned up when its time
    is over.

    Args:
        made: Seconds since the epoch.
    """
    return {
        "managed-by": MANAGED_BY,
        LABEL_TREE: tree,
        LABEL_BASE: base,
        LABEL_SIZE: str(size),
        LABEL_MADE: str(made),
        LABEL_INSTANCE: instance,
        LABEL_DEADLINE: f"{made + build_timeout(size):.0f}",
    }


def build_config(labels: Mapping[str, str], *, placeholder: bool) -> dict[str, Any]:
    """The body of the create call for a build's container, which is never started.

    As little as an engine takes: what a container is given here, its image inherits.

    Args:
        placeholder: The base has no command, so one is given.
    """
    return {
        "Image": labels[LABEL_BASE],
        "Labels": dict(labels),
        **({"Cmd": list(_NOTHING_TO_RUN)} if placeholder else {}),
        "HostConfig": {"NetworkMode": "none", "RestartPolicy": {"Name": "no"}, "AutoRemove": False},
    }


def commit_config() -> dict[str, Any]:
    """The body of the commit: the labels that are one installation's are emptied, as none can be taken away."""
    return {"Labels": {LABEL_INSTANCE: "", LABEL_DEADLINE: ""}}


def has_command(image: Mapping[str, Any]) -> bool:
    """Whether an image, as an engine describes it, says what to run."""
    config = image.get("Config") or {}
    return bool(config.get("Cmd") or config.get("Entrypoint"))


def is_build(labels: Mapping[str, Any] | None, instance: str) -> bool:
    """Whether a container is one in which this installation builds an environment.

    Sandboxes inherit an environment's labels from their image; a build is what its own deadline and no execution say.
    """
    given = labels or {}
    return bool(given.get(LABEL_TREE)) and not given.get(LABEL_EXECUTION) and given.get(LABEL_INSTANCE) == instance


def check_labels(labels: Mapping[str, Any]) -> str | None:
    """What is wrong with an environment's labels; None where nothing is."""
    for label, pattern in (
        (LABEL_TREE, DIGEST),
        (LABEL_BASE, DIGEST),
        (LABEL_SIZE, _NUMBER),
        (LABEL_MADE, _NUMBER),
    ):
        value = labels.get(label)
        if not isinstance(value, str) or not pattern.match(value):
            return f"its label {label} is {value!a}"
    return None if labels.get("managed-by") == MANAGED_BY else "it is not managed by skillbox"


def verify_environment(image: Mapping[str, Any], base: Mapping[str, Any], tree: str) -> None:
    """Refuses an image that is not its base with one layer on top, made from this tree.

    Args:
        image, base: As the engine describes them.
        tree: The digest of the tree.

    Raises:
        PolicyError: Names each difference.
    """
    name = environment_name(tree, base["Id"])
    if wrong := list(differences(image, base, tree)):
        raise PolicyError(
            f"the image {name} is not the environment that its name says: {'; '.join(wrong)}",
            hint=f"nothing was started; somebody else made it: `docker image rm {name}`, and it is built again",
        )


def differences(image: Mapping[str, Any], base: Mapping[str, Any], tree: str) -> Iterator[str]:
    """All in which an image differs from the environment that a base and a tree make."""
    config, was = image.get("Config") or {}, base.get("Config") or {}
    labels = config.get("Labels") or {}
    if problem := check_labels(labels):
        yield problem
    if labels.get(LABEL_TREE) != tree or labels.get(LABEL_BASE) != base["Id"]:
        yield "its labels name another tree or another base"
    if environment_name(tree, base["Id"]) not in (image.get("RepoTags") or ()):
        yield "it has not the tag of its tree and its base"
    layers, below = _layers(image), _layers(base)
    if not below or layers[:-1] != below:
        yield f"it has {len(layers)} layers, and not just one on the {len(below)} of its base"
    if config.get("Volumes"):
        yield "it declares a volume"
    inherited = sorted((config.keys() | was.keys()) - _NOT_INHERITED)
    yield from (
        f"its {field} is not its base's"
        for field in inherited
        if (config.get(field) or None) != (was.get(field) or None)
    )
    if (config.get("Cmd") or None) != ((was.get("Cmd") if has_command(base) else _NOTHING_TO_RUN) or None):
        yield "its Cmd is not its base's"
    more = {key: value for key, value in (was.get("Labels") or {}).items() if not _is_ours(key)}
    if {key: value for key, value in labels.items() if not _is_ours(key)} != more:
        yield "its labels are not its base's"
    for field in ("Os", "Architecture"):
        if image.get(field) != base.get(field):
            yield f"its {field} is not its base's"


def _is_ours(label: str) -> bool:
    return label == "managed-by" or label.startswith("skillbox.")


def _layers(image: Mapping[str, Any]) -> Sequence[str]:
    return list((image.get("RootFS") or {}).get("Layers") or ())


def last_use(image: Mapping[str, Any]) -> float | None:
    """When an environment was last asked for, seconds since the epoch: the time at which it got its name last.

    Labels can't change, but a name can be given again: so all installations of an engine see it, by its own clock.
    """
    stamp = str((image.get("Metadata") or {}).get("LastTagTime") or "")
    # An engine's zero time stands for never.
    return seconds(stamp) if stamp and not stamp.startswith("0001-") else None


def seconds(stamp: str) -> float:
    """An engine's time, which has nine digits behind the point, in UTC or with its own offset."""
    return datetime.fromisoformat(stamp).timestamp()
