"""A container that was taken, held against what was made."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, cast

import pytest

from skillbox_core.errors import PolicyError
from skillbox_core.sandbox.container import LABEL_DEADLINE, LABEL_INSTANCE, LABEL_NAME, LABEL_WAITING
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.policy import user_id
from skillbox_core.sandbox.waiting import PREFIX, Kind, check_waiting, make_waiting, waiting_config

KIND = Kind(image_id=f"sha256:{'1' * 64}", memory=64 << 20, scratch=32 << 20, cpu_quota=50_000, runtime="", waits=600)
NAME = f"{PREFIX}{'a' * 32}"
USERS = range(70_000, 80_000)


def reported() -> dict[str, Any]:
    """What an engine says of one that waits."""
    config = copy.deepcopy(waiting_config(KIND, NAME, users=USERS, instance="here"))
    host = config.pop("HostConfig")
    config["Labels"][LABEL_DEADLINE] = "2000000000"
    return {
        "Id": "c" * 64,
        "Image": config["Image"],
        "Config": config,
        "HostConfig": host,
        "State": {"Status": "running", "Paused": False},
        "RestartCount": 0,
        "ExecIDs": None,
    }


class _Engine:
    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    def inspect(self, name: str) -> dict[str, Any]:
        assert name == NAME
        return self._found


def check(found: dict[str, Any], kind: Kind = KIND, instance: str = "here", users: range = USERS) -> Any:
    return check_waiting(cast(Engine, _Engine(found)), NAME, kind, users=users, instance=instance)


def test_what_waits_as_it_was_made_is_a_sandbox_of_its_own_user() -> None:
    sandbox = check(reported())
    user = user_id(NAME, USERS)
    assert (sandbox.container_id, sandbox.name, sandbox.user) == ("c" * 64, NAME, f"{user}:{user}")


def test_what_an_engine_did_not_make_as_it_was_asked_to_is_removed_and_never_started() -> None:
    done: list[str] = []

    class Weaker(_Engine):
        def create(self, name: str, config: dict[str, Any]) -> str:
            self._found = {**reported(), "HostConfig": {**config["HostConfig"], "ReadonlyRootfs": False}}
            return NAME

        def remove(self, name: str) -> None:
            done.append(f"removed {name}")

        def start(self, name: str) -> None:
            done.append(f"started {name}")

    with pytest.raises(PolicyError, match="ReadonlyRootfs"):
        make_waiting(cast(Engine, Weaker({})), NAME, KIND, users=USERS, instance="here")
    assert done == [f"removed {NAME}"]


def test_it_says_of_itself_what_it_is_good_for_and_nothing_else() -> None:
    labels = waiting_config(KIND, NAME, users=USERS, instance="here")["Labels"]
    assert labels == {
        "managed-by": "skillbox",
        LABEL_INSTANCE: "here",
        LABEL_WAITING: KIND.digest,
        LABEL_NAME: NAME,
    }
    other = waiting_config(KIND, f"{PREFIX}{'b' * 32}", users=USERS, instance="here")
    assert other["User"] != waiting_config(KIND, NAME, users=USERS, instance="here")["User"]


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("is exited", lambda f: f["State"].update(Status="exited")),
        ("is created", lambda f: f["State"].update(Status="created")),
        ("is paused", lambda f: f["State"].update(Status="paused", Paused=True)),
        ("is running", lambda f: f["State"].update(Paused=True)),
        ("used by somebody", lambda f: f.update(RestartCount=1)),
        ("used by somebody", lambda f: f.update(ExecIDs=["e" * 64])),
        ("HostConfig.Memory ", lambda f: f["HostConfig"].update(Memory=65 << 20)),
        ("HostConfig.CpuQuota", lambda f: f["HostConfig"].update(CpuQuota=0)),
        ("HostConfig.PidsLimit", lambda f: f["HostConfig"].update(PidsLimit=None)),
        ("HostConfig.RestartPolicy", lambda f: f["HostConfig"].update(RestartPolicy={"Name": "always"})),
        ("NetworkSettings.Networks", lambda f: f.update(NetworkSettings={"Networks": {"bridge": {}}})),
        ("Mounts", lambda f: f.update(Mounts=[{"Type": "bind", "Destination": "/host"}])),
        ("Image", lambda f: f.update(Image=f"sha256:{'2' * 64}")),
        ("Config.Cmd", lambda f: f["Config"]["Cmd"].pop()),
        ("Config.User", lambda f: f["Config"].update(User="70001:70001")),
        ("Config.Labels", lambda f: f["Config"]["Labels"].pop(LABEL_WAITING)),
        ("Config.Labels", lambda f: f["Config"]["Labels"].update({LABEL_INSTANCE: "there"})),
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_made_gets_no_job(said: str, change: Change) -> None:
    found = reported()
    change(found)
    with pytest.raises(PolicyError, match=said):
        check(found)


@pytest.mark.parametrize(
    "asked",
    [{"instance": "there"}, {"users": range(80_000, 90_000)}, {"kind": Kind(KIND.image_id, 1 << 30, 1, 1, "", 600)}],
    ids=["another installation's", "of other users", "of another kind"],
)
def test_one_that_was_made_for_others_gets_no_job(asked: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        check(reported(), **asked)
