"""An environment's names and labels, and what is held against its image before anything is made from it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from skillbox_core.errors import PolicyError
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.container import LABEL_EXECUTION
from skillbox_core.sandbox.pruning import StoredEnvironment, removable

TREE, BASE = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
NAME = f"skillbox-environment:{'a' * 64}-{'b' * 12}"
LABELS = layer.build_labels(TREE, BASE, 1000, "here", 1_700_000_000)
CONFIG = {"Env": ["PATH=/bin"], "Cmd": ["python3"], "Entrypoint": None, "User": "", "Labels": {"com.example": "x"}}
BELOW = {
    "Id": BASE,
    "Os": "linux",
    "Architecture": "amd64",
    "Config": CONFIG,
    "RootFS": {"Layers": ["sha256:1", "sha256:2"]},
}


def environment() -> dict[str, Any]:
    labels = {"com.example": "x", **LABELS, **layer.commit_config()["Labels"]}
    return copy.deepcopy(
        {
            **BELOW,
            "Id": "sha256:c",
            "RepoTags": [NAME],
            "Config": {**CONFIG, "Image": BASE, "Hostname": "x", "Volumes": None, "OnBuild": [], "Labels": labels},
            "RootFS": {"Layers": ["sha256:1", "sha256:2", "sha256:3"]},
        }
    )


def test_its_name_carries_the_trees_digest_and_fits_a_tag() -> None:
    assert layer.environment_name(TREE, BASE) == NAME
    assert layer.NAME.match(NAME)
    assert len(NAME.partition(":")[2]) <= 128


def test_a_build_has_a_name_for_each_tree_base_and_installation() -> None:
    names = {
        layer.build_name(tree, base, instance) for tree in (TREE, BASE) for base in (TREE, BASE) for instance in "xy"
    }
    assert len(names) == 8


def test_what_a_build_is_given_is_what_the_engine_needs_and_no_more() -> None:
    config = layer.build_config(LABELS, placeholder=False)
    assert config.keys() == {"Image", "Labels", "HostConfig"}
    assert config["HostConfig"]["NetworkMode"] == "none"
    assert layer.build_config(LABELS, placeholder=True)["Cmd"] == ["sh"]


def test_a_build_is_told_from_a_sandbox_that_inherits_its_images_labels() -> None:
    assert layer.is_build(LABELS, "here")
    assert not layer.is_build(LABELS, "there")
    assert not layer.is_build({**LABELS, LABEL_EXECUTION: "e" * 32}, "here")
    assert not layer.is_build(None, "here")


def test_an_environment_as_it_is_built_is_taken() -> None:
    layer.verify_environment(environment(), BELOW, TREE)
    bare = {**BELOW, "Config": {**CONFIG, "Cmd": None}}
    made = environment()
    made["Config"]["Cmd"] = ["sh"]
    layer.verify_environment(made, bare, TREE)


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("label skillbox.environment is", lambda i: i["Config"]["Labels"].pop(layer.LABEL_TREE)),
        ("label skillbox.environment.size", lambda i: i["Config"]["Labels"].update({layer.LABEL_SIZE: "many"})),
        ("label skillbox.environment.made", lambda i: i["Config"]["Labels"].update({layer.LABEL_MADE: ""})),
        ("not managed by", lambda i: i["Config"]["Labels"].update({"managed-by": "x"})),
        ("another tree", lambda i: i["Config"]["Labels"].update({layer.LABEL_TREE: BASE})),
        ("another base", lambda i: i["Config"]["Labels"].update({layer.LABEL_BASE: TREE})),
        ("its labels are not its base's", lambda i: i["Config"]["Labels"].update({"more": "x"})),
        ("its labels are not its base's", lambda i: i["Config"]["Labels"].pop("com.example")),
        ("has not the tag", lambda i: i.update(RepoTags=[])),
        ("has not the tag", lambda i: i.update(RepoTags=[NAME.replace("a", "d")])),
        ("3 layers", lambda i: i["RootFS"].update(Layers=["sha256:1", "sha256:9", "sha256:3"])),
        ("4 layers", lambda i: i["RootFS"].update(Layers=[f"sha256:{n}" for n in range(1, 5)])),
        ("2 layers", lambda i: i["RootFS"].update(Layers=["sha256:1", "sha256:2"])),
        ("a volume", lambda i: i["Config"].update(Volumes={"/data": {}})),
        ("its Env is not", lambda i: i["Config"].update(Env=["PATH=/bin", "LD_PRELOAD=/x"])),
        ("its User is not", lambda i: i["Config"].update(User="0")),
        ("its Entrypoint is not", lambda i: i["Config"].update(Entrypoint=["/x"])),
        ("its Cmd is not", lambda i: i["Config"].update(Cmd=["sh"])),
        ("its OnBuild is not", lambda i: i["Config"].update(OnBuild=["RUN x"])),
        ("its Healthcheck is not", lambda i: i["Config"].update(Healthcheck={"Test": ["CMD", "x"]})),
        ("its Architecture is not", lambda i: i.update(Architecture="arm64")),
    ],
)  # fmt: skip
def test_an_image_that_is_not_its_base_with_this_tree_is_refused(said: str, change: Change) -> None:
    image = environment()
    change(image)
    with pytest.raises(PolicyError, match=said) as caught:
        layer.verify_environment(image, BELOW, TREE)
    assert "docker image rm" in str(caught.value)


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("2026-11-28T21:16:20.681512026Z", 1795900580.681512),
        ("2026-11-28T21:16:20Z", 1795900580.0),
        ("2026-11-28T23:16:20.5+02:00", 1795900580.5),
    ],
)
def test_an_engines_times_are_read(stamp: str, seconds: float) -> None:
    assert layer.seconds(stamp) == seconds
    assert layer.last_use({"Metadata": {"LastTagTime": stamp}}) == seconds


def test_an_image_that_never_got_its_name_here_has_no_last_use() -> None:
    assert layer.last_use({"Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"}}) is None
    assert layer.last_use({}) is None


def test_what_was_used_longest_ago_goes_first_and_what_is_recent_stays() -> None:
    stored = [StoredEnvironment(name, TREE, BASE, 1, used) for name, used in (("b", 20.0), ("c", 95.0), ("a", 10.0))]
    assert [one.name for one in removable(stored, now=100.0, recent=10.0)] == ["a", "b"]
