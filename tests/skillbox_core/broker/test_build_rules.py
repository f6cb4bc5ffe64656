"""The broker's table for builds: what goes through, and every way to ask for more."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from skillbox_core import Settings
from skillbox_core.broker.build_rules import BuildCall, check_commit, check_environment, check_removal, decide_build
from skillbox_core.broker.rules import RefusedError
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.container import LABEL_EXECUTION, LABEL_INSTANCE

SETTINGS = Settings(instance="here", max_tree_size=10_000)
TREE, BASE = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
TAG = f"{'a' * 64}-{'b' * 12}"
IMAGE = f"skillbox-environment:{TAG}"
NAME = layer.build_name(TREE, BASE, "here")
LABELS = layer.build_labels(TREE, BASE, 1000, "here", 1_700_000_000)
PINNED = f"sha256:{'9' * 64}"
COMMIT = {"container": NAME, "repo": "skillbox-environment", "tag": TAG}
TOUCH = {"repo": "skillbox-environment", "tag": TAG}
NOTHING = {"Labels": {LABEL_INSTANCE: "", "skillbox.deadline": ""}}


def ask(
    method: str, path: str, query: dict[str, str] | None = None, content: Any = None, length: int = 0
) -> BuildCall | None:
    data = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
    return decide_build(method, f"/v1.41{path}", query or {}, data, length or len(data), SETTINGS, {PINNED})


@pytest.mark.parametrize(
    ("kind", "method", "path", "query", "content", "length"),
    [
        ("create", "POST", "/containers/create", {"name": NAME}, layer.build_config(LABELS, placeholder=False), 0),
        ("create", "POST", "/containers/create", {"name": NAME}, layer.build_config(LABELS, placeholder=True), 0),
        ("archive", "PUT", f"/containers/{NAME}/archive", {"path": "/"}, None, 10_000),
        ("commit", "POST", "/commit", COMMIT, NOTHING, 0),
        ("list", "GET", "/images/json", {"only_ids": "0", "all": "0", "filters": "{}"}, None, 0),
        ("look", "GET", f"/images/{IMAGE}/json", {}, None, 0),
        ("look", "GET", f"/images/{BASE}/json", {}, None, 0),
        ("touch", "POST", f"/images/{IMAGE}/tag", TOUCH, None, 0),
        ("remove", "DELETE", f"/images/{IMAGE}", {"noprune": "1"}, None, 0),
        ("remove", "DELETE", f"/images/{BASE}", {"noprune": "1"}, None, 0),
    ],
)  # fmt: skip
def test_what_a_build_asks_goes_through(
    kind: str, method: str, path: str, query: dict[str, str], content: Any, length: int
) -> None:
    call = ask(method, path, query, content, length)
    assert call is not None
    assert (call.kind, call.method) == (kind, method)
    # The id of a base is held against those that are allowed.
    assert call.image == (BASE if kind == "create" or path == f"/images/{BASE}/json" else "")


def test_a_list_is_of_environments_whatever_was_asked() -> None:
    call = ask("GET", "/images/json", {"filters": '{"dangling": ["true"]}'})
    assert call is not None
    assert json.loads(call.query["filters"]) == {"label": ["managed-by=skillbox", "skillbox.environment"]}
    assert call.query.keys() == {"filters"}


@pytest.mark.parametrize(
    ("method", "path", "query", "content", "length"),
    [
        # One archive, to one path.
        ("PUT", f"/containers/{NAME}/archive", {"path": "/etc"}, None, 100),
        ("PUT", f"/containers/{NAME}/archive", {"path": "//"}, None, 100),
        ("PUT", f"/containers/{NAME}/archive", {}, None, 100),
        ("PUT", f"/containers/{NAME}/archive", {"path": "/", "copyUIDGID": "1"}, None, 100),
        ("PUT", f"/containers/{NAME}/archive", {"path": "/", "noOverwriteDirNonDir": "1"}, None, 100),
        ("PUT", f"/containers/{NAME}/archive", {"path": "/"}, None, 10_001),
        ("PUT", f"/containers/{NAME}/archive", {"path": "/"}, None, 0),
        # A commit that changes nothing.
        ("POST", "/commit", {**COMMIT, "changes": "USER 0"}, NOTHING, 0),
        ("POST", "/commit", {**COMMIT, "comment": "x"}, NOTHING, 0),
        ("POST", "/commit", {**COMMIT, "pause": "0"}, NOTHING, 0),
        ("POST", "/commit", {**COMMIT, "repo": "python"}, NOTHING, 0),
        ("POST", "/commit", {**COMMIT, "tag": "3.12-slim"}, NOTHING, 0),
        ("POST", "/commit", {**COMMIT, "tag": f"{TAG}\n"}, NOTHING, 0),
        ("POST", "/commit", {**COMMIT, "container": "../x"}, NOTHING, 0),
        ("POST", "/commit", {key: COMMIT[key] for key in ("container", "repo")}, NOTHING, 0),
        ("POST", "/commit", COMMIT, {**NOTHING, "Env": ["LD_PRELOAD=/x"]}, 0),
        ("POST", "/commit", COMMIT, {**NOTHING, "Volumes": {"/x": {}}}, 0),
        ("POST", "/commit", COMMIT, {"Labels": {**NOTHING["Labels"], layer.LABEL_TREE: BASE}}, 0),
        ("POST", "/commit", COMMIT, {}, 0),
        ("POST", "/commit", COMMIT, None, 0),
        ("POST", "/commit", COMMIT, b"[" * 100_000, 0),
        # Images: their own name again, and a removal that takes no other with it.
        ("POST", f"/images/{IMAGE}/tag", {**TOUCH, "repo": "python"}, None, 0),
        ("POST", f"/images/{IMAGE}/tag", {**TOUCH, "tag": TAG.replace("a", "c")}, None, 0),
        ("POST", f"/images/{IMAGE}/tag", {**TOUCH, "force": "1"}, None, 0),
        ("POST", f"/images/{IMAGE}/tag", TOUCH, {"x": 1}, 0),
        ("DELETE", f"/images/{IMAGE}", {}, None, 0),
        ("DELETE", f"/images/{IMAGE}", {"noprune": "0"}, None, 0),
        ("DELETE", f"/images/{IMAGE}", {"noprune": "1", "force": "1"}, None, 0),
        ("GET", "/images/json", {"all": "1"}, None, 0),
        ("GET", "/images/json", {"digests": "1"}, None, 0),
        ("GET", f"/images/{IMAGE}/json", {"x": "1"}, None, 0),
    ],
)  # fmt: skip
def test_what_no_build_asks_is_refused(
    method: str, path: str, query: dict[str, str], content: Any, length: int
) -> None:
    with pytest.raises(RefusedError) as caught:
        ask(method, path, query, content, length)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("DELETE", "/images/python:3.12-slim", {"noprune": "1"}),
        ("DELETE", f"/images/{IMAGE}x", {"noprune": "1"}),
        ("DELETE", f"/images/x/{IMAGE}", {"noprune": "1"}),
        ("DELETE", f"/images/{BASE[:20]}", {"noprune": "1"}),
        ("POST", "/images/python:3.12-slim/tag", {"repo": "skillbox-environment", "tag": TAG}),
        ("POST", f"/images/{BASE}/tag", {"repo": "skillbox-environment", "tag": TAG}),
        ("GET", f"/images/{IMAGE}/history", {}),
        ("GET", f"/images/{PINNED}/json", {}),
        ("GET", f"/images/{IMAGE}/get", {}),
        ("POST", f"/images/{IMAGE}/push", {}),
        ("GET", f"/containers/{NAME}/archive", {"path": "/"}),
        ("POST", "/containers/create", {"name": f"skillbox-{'e' * 32}-1"}),
        ("POST", f"/containers/{NAME}/start", {}),
    ],
)
def test_what_is_no_call_of_a_build_is_left_to_the_other_rules(method: str, path: str, query: dict[str, str]) -> None:
    assert ask(method, path, query) is None


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("HostConfig.NetworkMode", lambda b: b["HostConfig"].update(NetworkMode="host")),
        ("HostConfig.Binds", lambda b: b["HostConfig"].update(Binds=["/:/host"])),
        ("HostConfig.Privileged", lambda b: b["HostConfig"].update(Privileged=True)),
        ("HostConfig.AutoRemove", lambda b: b["HostConfig"].update(AutoRemove=0)),
        ("HostConfig", lambda b: b.pop("HostConfig")),
        ("Cmd", lambda b: b.update(Cmd=["sh", "-c", "id"])),
        ("Entrypoint", lambda b: b.update(Entrypoint=["sh"])),
        ("Env", lambda b: b.update(Env=["LD_PRELOAD=x"])),
        ("User", lambda b: b.update(User="0")),
        ("Volumes", lambda b: b.update(Volumes={"/x": {}})),
        ("Healthcheck", lambda b: b.update(Healthcheck={"Test": ["CMD", "x"]})),
        ("Image", lambda b: b.update(Image="python:3.12-slim")),
        ("Labels.more", lambda b: b["Labels"].update(more="x")),
        (f"Labels.{LABEL_EXECUTION}", lambda b: b["Labels"].update({LABEL_EXECUTION: "e" * 32})),
        ("Labels.skillbox.deadline", lambda b: b["Labels"].update({"skillbox.deadline": "9999999999"})),
        ("not managed", lambda b: b["Labels"].update({"managed-by": "x"})),
        ("label skillbox.environment is", lambda b: b["Labels"].update({layer.LABEL_TREE: "sha256:1"})),
        ("label skillbox.environment.base is", lambda b: b["Labels"].update({layer.LABEL_BASE: "python:3"})),
        ("another installation", lambda b: b["Labels"].update({LABEL_INSTANCE: "there"})),
        ("SKILLBOX_MAX_TREE_SIZE", lambda b: b["Labels"].update({layer.LABEL_SIZE: "10001"})),
        ("SKILLBOX_MAX_TREE_SIZE", lambda b: b["Labels"].update({layer.LABEL_SIZE: "0"})),
        ("what every build says", lambda b: b["Labels"].pop(layer.LABEL_MADE)),
        ("what every build says", lambda b: b.update(Labels="x")),
        ("what every build says", lambda b: b.pop("Labels")),
    ],
)  # fmt: skip
def test_a_build_that_is_not_exactly_ours_is_refused(said: str, change: Change) -> None:
    changed = copy.deepcopy(layer.build_config(LABELS, placeholder=False))
    change(changed)
    with pytest.raises(RefusedError, match=said):
        ask("POST", "/containers/create", {"name": NAME}, changed)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b"1", b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_build_is_refused(content: bytes) -> None:
    with pytest.raises(RefusedError):
        ask("POST", "/containers/create", {"name": NAME}, content)


def test_a_build_is_named_after_what_it_builds() -> None:
    other = layer.build_name(BASE, BASE, "here")
    with pytest.raises(RefusedError, match="not named after"):
        ask("POST", "/containers/create", {"name": other}, layer.build_config(LABELS, placeholder=False))


def test_a_commit_has_the_name_of_what_was_put_in() -> None:
    call = ask("POST", "/commit", COMMIT, NOTHING)
    assert call is not None
    check_commit(call, TREE, BASE)
    for tree, base in ((BASE, BASE), (TREE, TREE)):
        with pytest.raises(RefusedError, match="a commit as"):
            check_commit(call, tree, base)


BELOW = {"Id": BASE, "Config": {"Cmd": ["x"]}, "RootFS": {"Layers": ["sha256:1"]}}


def test_a_sandbox_is_made_of_an_environment_that_is_one_layer_on_its_base() -> None:
    labels = {**LABELS, **layer.commit_config()["Labels"]}
    image: dict[str, Any] = {
        "Id": "sha256:c",
        "RepoTags": [IMAGE],
        "Config": {"Cmd": ["x"], "Labels": labels},
        "RootFS": {"Layers": ["sha256:1", "sha256:2"]},
    }
    check_environment(image, BELOW)
    for change in (
        {"RootFS": {"Layers": ["sha256:2", "sha256:1"]}},
        {"RootFS": {"Layers": ["sha256:1", "sha256:2", "sha256:3"]}},
        {"RepoTags": ["evil:1"]},
        {"Config": {"Cmd": ["x"], "Labels": labels, "Env": ["LD_PRELOAD=x"]}},
        {"Config": {"Cmd": ["x"], "Labels": labels, "Volumes": {"/x": {}}}},
        {"Config": {"Cmd": ["x"]}},
    ):
        with pytest.raises(RefusedError, match="no environment"):
            check_environment({**image, **change}, BELOW)


def test_by_its_id_only_an_environment_without_a_name_is_removed() -> None:
    lost = {"Id": "sha256:c", "RepoTags": [], "Config": {"Labels": LABELS}}
    check_removal(lost)
    for change in ({"RepoTags": [IMAGE]}, {"RepoTags": ["python:3"]}, {"Config": {}}, {"Config": {"Labels": {}}}):
        with pytest.raises(RefusedError, match="no environment without a name"):
            check_removal({**lost, **change})
