"""What an engine reports, held against what was asked: every lost wall and every weakening is a difference."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from skillbox_core.errors import PolicyError
from skillbox_core.sandbox.policy import container_config
from skillbox_core.sandbox.readback import differences, verify

IMAGE = f"sha256:{'1' * 64}"
ASKED = container_config(
    user=70_000,
    image_id=IMAGE,
    memory=64 << 20,
    scratch=32 << 20,
    cpu_quota=50_000,
    labels={"skillbox.execution": "e"},
    runtime="r",
)


def faithful() -> dict[str, Any]:
    """An engine's answer that took everything over, with what a real one adds."""
    config = {key: value for key, value in copy.deepcopy(ASKED).items() if key != "HostConfig"}
    host = copy.deepcopy(ASKED["HostConfig"])
    config |= {"Env": ["PATH=/bin"], "Volumes": None, "Domainname": "", "Labels": {**config["Labels"], "image": "x"}}
    host |= {"Binds": None, "CapAdd": None, "Devices": [], "PidMode": "", "UsernsMode": "", "OomKillDisable": False}
    host["RestartPolicy"] = {"Name": "no", "MaximumRetryCount": 0}
    host["Ulimits"] = [*reversed(host["Ulimits"]), {"Name": "nproc", "Soft": 5, "Hard": 5}]
    return {"Image": IMAGE, "Config": config, "HostConfig": host, "Mounts": [], "NetworkSettings": {"Networks": {}}}


def test_an_engine_that_does_as_it_is_asked_differs_in_nothing() -> None:
    assert list(differences(ASKED, faithful())) == []
    verify(ASKED, faithful())


def test_what_an_engine_may_say_in_other_words_is_no_difference() -> None:
    reported = faithful()
    host = reported["HostConfig"]
    host["SecurityOpt"] = ["no-new-privileges", host["SecurityOpt"][1].replace("\n", " ").replace("  ", "")]
    reported["Mounts"] = [{"Type": "tmpfs", "Destination": "/tmp"}]
    reported["NetworkSettings"] = {"Networks": {"none": {}}}
    assert list(differences(ASKED, reported)) == []


@pytest.mark.parametrize("field", sorted(set(ASKED) - {"HostConfig", "Env"}))
@pytest.mark.parametrize("lost", ["missing", "changed"])
def test_each_field_of_the_container_is_compared(field: str, lost: str) -> None:
    reported = faithful()
    place = reported if field == "Image" else reported["Config"]
    if lost == "missing":
        del place[field]
    else:
        place[field] = {"other": "x"} if isinstance(ASKED[field], dict) else "other"
    found = [difference.field for difference in differences(ASKED, reported)]
    assert found == [field if field == "Image" else f"Config.{field}"]


@pytest.mark.parametrize("field", sorted(set(ASKED["HostConfig"]) - {"RestartPolicy"}))
def test_each_field_of_the_host_side_is_compared(field: str) -> None:
    reported = faithful()
    del reported["HostConfig"][field]
    assert [difference.field for difference in differences(ASKED, reported)] == [f"HostConfig.{field}"]


Change = Callable[[dict[str, Any], dict[str, Any]], object]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("HostConfig.ReadonlyRootfs", lambda h, _: h.update(ReadonlyRootfs=False)),
        ("HostConfig.Privileged", lambda h, _: h.update(Privileged=True)),
        ("HostConfig.CapDrop", lambda h, _: h.update(CapDrop=["NET_RAW"])),
        ("HostConfig.CapAdd", lambda h, _: h.update(CapAdd=["SYS_ADMIN"])),
        ("HostConfig.MemorySwap", lambda h, _: h.update(MemorySwap=-1)),
        ("HostConfig.PidsLimit", lambda h, _: h.update(PidsLimit=None)),
        ("HostConfig.NetworkMode", lambda h, _: h.update(NetworkMode="bridge")),
        ("HostConfig.CgroupnsMode", lambda h, _: h.update(CgroupnsMode="host")),
        ("HostConfig.Runtime", lambda h, _: h.update(Runtime="runc")),
        ("HostConfig.RestartPolicy", lambda h, _: h.update(RestartPolicy={"Name": "always"})),
        ("HostConfig.SecurityOpt", lambda h, _: h["SecurityOpt"].pop()),
        ("HostConfig.SecurityOpt", lambda h, _: h["SecurityOpt"].append("label=disable")),
        ("HostConfig.SecurityOpt", lambda h, _: h.update(SecurityOpt=["no-new-privileges:true", "seccomp=unconfined"])),
        ("HostConfig.SecurityOpt", lambda h, _: h.update(
            SecurityOpt=[o.replace("SCMP_ACT_ERRNO", "SCMP_ACT_LOG", 1) for o in h["SecurityOpt"]])),
        ("HostConfig.Tmpfs", lambda h, _: h["Tmpfs"].update({"/tmp": "rw"})),
        ("HostConfig.Tmpfs", lambda h, _: h["Tmpfs"].update({"/more": "rw"})),
        ("HostConfig.Ulimits", lambda h, _: h["Ulimits"].remove({"Name": "core", "Soft": 0, "Hard": 0})),
        ("HostConfig.MaskedPaths", lambda h, _: h["MaskedPaths"].remove("/proc/kcore")),
        ("HostConfig.Binds", lambda h, _: h.update(Binds=["/:/host"])),
        ("HostConfig.Devices", lambda h, _: h.update(Devices=[{"PathOnHost": "/dev/kmsg"}])),
        ("HostConfig.PidMode", lambda h, _: h.update(PidMode="host")),
        ("HostConfig.UsernsMode", lambda h, _: h.update(UsernsMode="host")),
        ("HostConfig.OomKillDisable", lambda h, _: h.update(OomKillDisable=True)),
        ("HostConfig.GroupAdd", lambda h, _: h.update(GroupAdd=["0"])),
        ("Config.User", lambda _, r: r["Config"].update(User="")),
        ("Config.Volumes", lambda _, r: r["Config"].update(Volumes={"/data": {}})),
        ("Config.Labels", lambda _, r: r["Config"]["Labels"].pop("managed-by")),
        ("Mounts", lambda _, r: r["Mounts"].append({"Type": "volume", "Destination": "/data"})),
        ("Mounts", lambda _, r: r["Mounts"].append({"Type": "tmpfs", "Destination": "/more"})),
        ("NetworkSettings.Networks", lambda _, r: r["NetworkSettings"]["Networks"].update(bridge={})),
        ("AppArmorProfile", lambda _, r: r.update(AppArmorProfile="unconfined")),
    ],
)  # fmt: skip
def test_a_lost_wall_is_named_with_both_values(field: str, change: Change) -> None:
    reported = faithful()
    change(reported["HostConfig"], reported)
    assert [difference.field for difference in differences(ASKED, reported)] == [field]
    with pytest.raises(PolicyError, match=f"{field} was asked as .* and is reported as "):
        verify(ASKED, reported)


def test_an_answer_without_anything_in_it_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"HostConfig\.ReadonlyRootfs"):
        verify(ASKED, {})


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(PolicyError) as caught:
        verify(ASKED, {**faithful(), "HostConfig": {}})
    assert len(caught.value.message) < 10_000
