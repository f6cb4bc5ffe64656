"""The create call of a sandbox, field by field: whoever weakens the policy has to weaken this table too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from skillbox_core.sandbox import policy
from skillbox_core.sandbox.policy import container_config, user_id

MIB = 1024**2
BODY = container_config(
    user=70_000,
    image_id="sha256:1",
    memory=100 * MIB,
    scratch=50 * MIB,
    cpu_quota=30_000,
    labels={"skillbox.execution": "e"},
)
HOST: dict[str, Any] = BODY["HostConfig"]

SCRATCH = "rw,nosuid,nodev,noexec,size={},nr_inodes=16384,uid=70000,gid=70000,mode=0700"

MASKED = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/config.gz",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/latency_stats",
    "/proc/modules",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/slabinfo",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/devices/system/cpu/cpu0/thermal_throttle",
    "/sys/devices/system/cpu/cpu511/thermal_throttle",
]


HOST_SIDE: dict[str, Any] = {
    "NetworkMode": "none",
    "ReadonlyRootfs": True,
    "CapDrop": ["ALL"],
    "Privileged": False,
    "PidsLimit": 128,
    # The skill's memory, its scratch areas, and room for PID 1; not a byte of swap.
    "Memory": (100 + 50 + 64 + 16) * MIB,
    "MemorySwap": (100 + 50 + 64 + 16) * MIB,
    "CpuPeriod": 100_000,
    "CpuQuota": 30_000,
    "CgroupnsMode": "private",
    "IpcMode": "private",
    "ShmSize": 16 * MIB,
    "Tmpfs": {"/sandbox": SCRATCH.format(50 * MIB), "/tmp": SCRATCH.format(64 * MIB)},
    "OomScoreAdj": 500,
    "RestartPolicy": {"Name": "no"},
    "AutoRemove": False,
    "Init": False,
    "LogConfig": {"Type": "local", "Config": {"max-size": "1150k", "max-file": "1", "compress": "false"}},
    "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
}


@pytest.mark.parametrize("field", HOST_SIDE)
def test_each_part_of_the_host_side_is_as_tight_as_it_was(field: str) -> None:
    assert HOST[field] == HOST_SIDE[field]


def test_every_limit_of_a_process_is_set_and_processes_are_counted_by_cgroup_alone() -> None:
    limits = {limit["Name"]: limit["Hard"] for limit in HOST["Ulimits"]}
    assert limits == {"core": 0, "nofile": 1024, "fsize": 50 * MIB, "msgqueue": 0, "memlock": 0}
    assert all(limit["Soft"] == limit["Hard"] for limit in HOST["Ulimits"])


def test_privileges_stay_away_and_system_calls_are_filtered() -> None:
    assert HOST["SecurityOpt"][0] == "no-new-privileges:true"
    assert json.loads(HOST["SecurityOpt"][1].removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"
    assert len(HOST["SecurityOpt"]) == 2


@pytest.mark.parametrize(
    ("runtime", "limit"),
    [
        ("", 128), ("runc", 128), ("crun", 128), ("io.containerd.runc.v2", 128), ("io.containerd.kata.v2", 128),
        ("kata-runtime", 128), ("runs", 128),
        ("runsc", 16384), ("runsc-kvm", 16384), ("io.containerd.runsc.v1", 16384), ("gVisor", 16384),
    ],
)  # fmt: skip
def test_only_a_runtime_whose_threads_are_counted_gets_room_for_them(runtime: str, limit: int) -> None:
    body = container_config(user=1, image_id="", memory=1, scratch=1, cpu_quota=1, labels={}, runtime=runtime)
    assert body["HostConfig"]["PidsLimit"] == limit


@pytest.mark.parametrize("path", MASKED)
def test_what_the_kernel_tells_is_masked(path: str) -> None:
    assert path in HOST["MaskedPaths"]


def test_nothing_else_is_asked_of_the_host() -> None:
    assert set(HOST) == {*HOST_SIDE, "SecurityOpt", "Ulimits", "MaskedPaths"}
    chosen = container_config(user=1, image_id="", memory=1, scratch=1, cpu_quota=1, labels={}, runtime="r")[
        "HostConfig"
    ]
    assert set(chosen) - set(HOST) == {"Runtime"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("User", "70000:70000"),
        ("WorkingDir", "/sandbox"),
        ("Entrypoint", ["sh", "-c"]),
        ("Cmd", [policy.supervisor_script(), "skillbox"]),
        ("Env", []),
        ("Hostname", "sandbox"),
        ("NetworkDisabled", True),
        ("Tty", False),
        ("OpenStdin", True),
        ("StdinOnce", True),
        ("Healthcheck", {"Test": ["NONE"]}),
        ("StopSignal", "SIGKILL"),
        ("Image", "sha256:1"),
        ("Labels", {"managed-by": "skillbox", "skillbox.execution": "e"}),
    ],
)
def test_each_part_of_the_container_overrides_the_images_own(field: str, value: object) -> None:
    assert BODY[field] == value


USERS = range(2**31 - 2**20, 2**31)


def test_a_sandboxs_user_follows_from_its_name_alone_and_is_one_of_the_installations() -> None:
    found = [user_id(f"skillbox-{number:032x}-1", USERS) for number in range(2000)]
    assert found == [user_id(f"skillbox-{number:032x}-1", USERS) for number in range(2000)]
    assert set(found) <= set(USERS)
    assert len(set(found)) > 1990, "as good as never the same"
    assert user_id("skillbox-a-1", USERS) != user_id("skillbox-a-2", USERS), "an attempt that lingers keeps its quota"
    assert user_id("any", range(7, 8)) == 7
