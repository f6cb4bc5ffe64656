"""What goes through of the calls that build environments: each as strictly read as a sandbox's. Pure.

A worker says what it builds when it asks for the container, and the broker holds all that follows to that: one
archive, whose bytes have the digest that was said, and a commit under the name that this digest makes. So nobody who
has only the broker can put other packages under an environment's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote

from skillbox_core.broker.rules import Call, RefusedError, differing, read_json, read_version
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.container import LABEL_INSTANCE
from skillbox_core.sandbox.policy import MANAGED_BY
from skillbox_core.settings import Settings

Kind: TypeAlias = Literal["create", "archive", "commit", "list", "look", "touch", "remove"]


@dataclass(frozen=True)
class BuildCall(Call):
    """A call of a build, or about environments' images.

    Attributes:
        kind: What it asks for.
        tree: Digest of the tree that is to be built.
        size: Bytes of that tree, or of the archive that comes.
        name: The image that it names: a tag of an environment, or the id of one without.
    """

    kind: Kind = "look"
    tree: str = ""
    size: int = 0
    name: str = ""


_CONTAINER = r"(?P<container>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})"
_ENVIRONMENT = rf"(?P<image>{layer.REPOSITORY}:[0-9a-f]{{64}}-[0-9a-f]{{12}})"
_ID = r"(?P<image>sha256:[0-9a-f]{64})"
_ZERO = re.compile(r"(0|[Ff]alse)\Z")
_ONE = re.compile(r"(1|[Tt]rue)\Z")
_TEXT = re.compile(r"[^\0]{0,512}\Z", re.DOTALL)
_TAG = re.compile(r"[0-9a-f]{64}-[0-9a-f]{12}\Z")
_REPOSITORY = re.compile(rf"{layer.REPOSITORY}\Z")
_BUILD_NAME = re.compile(r"skillbox-build-[0-9a-f]{32}\Z")
_ROOT = re.compile(r"/\Z")

_ROUTES: tuple[tuple[Kind, str, str, Mapping[str, re.Pattern[str]]], ...] = (
    ("create", "POST", r"/containers/create", {"name": _BUILD_NAME}),
    ("archive", "PUT", rf"/containers/{_CONTAINER}/archive", {"path": _ROOT}),
    ("commit", "POST", r"/commit",
     {"container": re.compile(rf"{_CONTAINER}\Z"), "repo": _REPOSITORY, "tag": _TAG}),
    ("list", "GET", r"/images/json", {"only_ids": _ZERO, "all": _ZERO, "filters": _TEXT}),
    ("look", "GET", rf"/images/{_ENVIRONMENT}/json", {}),
    ("look", "GET", rf"/images/{_ID}/json", {}),
    ("touch", "POST", rf"/images/{_ENVIRONMENT}/tag", {"repo": _REPOSITORY, "tag": _TAG}),
    ("remove", "DELETE", rf"/images/{_ENVIRONMENT}", {"noprune": _ONE}),
    ("remove", "DELETE", rf"/images/{_ID}", {"noprune": _ONE}),
)  # fmt: skip
_OPTIONAL = frozenset({"only_ids", "all", "filters"})


def decide_build(
    method: str,
    target: str,
    query: Mapping[str, str],
    body: bytes,
    length: int,
    settings: Settings,
    images: Collection[str],
) -> BuildCall | None:
    """Reads a request into the call of a build that may be made in its place; None where it is none.

    Args:
        target: The path as it came, percent-encoded.
        query: Each parameter once.
        body: Empty for an archive, which is read as it passes.
        length: Bytes of the body.
        images: Every way to name an image that is allowed here; those are no call of a build.

    Raises:
        RefusedError: It breaks a rule.
    """
    version, path = read_version(unquote(target))
    for kind, wanted, pattern, parameters in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match is None or method != wanted:
            continue
        named = match.groupdict()
        if kind == "create" and not query.get("name", "").startswith("skillbox-build-"):
            return None
        if kind == "look" and named["image"] in images:
            return None
        for name in sorted(query.keys() | parameters.keys() - _OPTIONAL):
            if name not in parameters or name not in query or not parameters[name].match(query[name]):
                raise RefusedError(f"the parameter {name!a} of {method} {path!a}")
        if body and kind not in ("create", "commit"):
            raise RefusedError(f"{method} {path!a} has no body")
        call = BuildCall(method, version, path, dict(query), kind=kind)
        return _read(call, named, body, length, settings)
    return None


def _read(call: BuildCall, named: Mapping[str, str], body: bytes, length: int, settings: Settings) -> BuildCall:
    match call.kind:
        case "create":
            sent = read_json(body)
            labels = check_build(call.query["name"], sent, settings)
            return replace(
                call,
                body=sent,
                image=labels[layer.LABEL_BASE],
                tree=labels[layer.LABEL_TREE],
                size=int(labels[layer.LABEL_SIZE]),
            )
        case "archive":
            if not 0 < length <= settings.max_tree_size:
                raise RefusedError(f"an archive of {length} bytes (SKILLBOX_MAX_TREE_SIZE)")
            return replace(call, path="/containers/{}/archive", container=named["container"], size=length)
        case "commit":
            if read_json(body) != layer.commit_config():
                raise RefusedError("a commit that changes the image's configuration")
            return replace(call, body=layer.commit_config(), container=call.query["container"])
        case "list":
            # Whatever was asked: only those that environments are.
            only = {"label": [f"managed-by={MANAGED_BY}", layer.LABEL_TREE]}
            return replace(call, query={"filters": json.dumps(only)})
        case "look" if named["image"].startswith("sha256:"):
            # The base, by the id that it was resolved to.
            return replace(call, image=named["image"])
        case "touch":
            if named["image"] != f"{call.query['repo']}:{call.query['tag']}":
                raise RefusedError("an image that is given another name than its own")
    return replace(call, name=named["image"])


def check_build(name: str, body: Any, settings: Settings) -> dict[str, str]:
    """Refuses a create body that is not, field by field, what a build is made from.

    Returns:
        Its labels.

    Raises:
        RefusedError: Names the first field that differs, or the rule that is broken.
    """
    try:
        labels = dict(body["Labels"])
        tree, base, instance = (labels[key] for key in (layer.LABEL_TREE, layer.LABEL_BASE, LABEL_INSTANCE))
        size, made = int(labels[layer.LABEL_SIZE]), int(labels[layer.LABEL_MADE])
    except (KeyError, TypeError, ValueError):
        raise RefusedError("a build without what every build says of itself") from None
    if problem := layer.check_labels(labels):
        raise RefusedError(f"a build of which {problem}")
    if instance != settings.instance:
        raise RefusedError("a build of another installation")
    if not 0 < size <= settings.max_tree_size:
        raise RefusedError(f"an environment of {size} bytes (SKILLBOX_MAX_TREE_SIZE)")
    wanted = layer.build_config(
        layer.build_labels(tree, base, size, instance, made), placeholder=isinstance(body, dict) and "Cmd" in body
    )
    if (different := next(differing(wanted, body), None)) is not None:
        raise RefusedError(f"a build whose {different} is not as it should be (are both of one release?)")
    if name != layer.build_name(tree, base, instance):
        raise RefusedError("a build that is not named after what it builds")
    return labels


def check_commit(call: BuildCall, tree: str, base: str) -> None:
    """Refuses a commit under another name than that of what was put into the container.

    Raises:
        RefusedError: It is another tree's, or another base's.
    """
    name = f"{call.query['repo']}:{call.query['tag']}"
    if name != layer.environment_name(tree, base):
        raise RefusedError(f"a commit as {name}, of a container with the tree {tree} on {base}")


def check_environment(image: Mapping[str, Any], base: Mapping[str, Any]) -> None:
    """Refuses an image that is not an environment on the base that its label names.

    Args:
        base: That base, which is an allowed image.

    Raises:
        RefusedError: Says in what it differs.
    """
    labels = (image.get("Config") or {}).get("Labels") or {}
    if wrong := next(layer.differences(image, base, str(labels.get(layer.LABEL_TREE))), None):
        raise RefusedError(f"the image {image['Id']}, which is no environment: {wrong}")


def base_of(image: Mapping[str, Any]) -> str:
    """The id of the base that an image says it is an environment on; empty where it says none."""
    return str(((image.get("Config") or {}).get("Labels") or {}).get(layer.LABEL_BASE, ""))


def check_removal(image: Mapping[str, Any]) -> None:
    """Refuses the removal by its id of what is not an environment that has lost its name.

    Raises:
        RefusedError: It has a name, or is something else.
    """
    if image.get("RepoTags") or layer.check_labels((image.get("Config") or {}).get("Labels") or {}):
        raise RefusedError(f"the removal of the image {image['Id']}, which is no environment without a name")
