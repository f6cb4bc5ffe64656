"""The engine's create call for a sandbox: every hardening in one pure function.

None of it can be switched off by a caller or a skill; the only inputs are numbers, labels and an image id.
Field names are those of the Docker Engine API, `POST /containers/create`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from skillbox_core.base.quantities import CPU_PERIOD_US

SANDBOX = "/sandbox"
PIDS = 128
"""Processes and threads that a sandbox may have, the supervisor included."""
GVISOR_THREADS = 128
"""The host's threads for each of them under gVisor. Its ptrace platform has one for each pair of a process and a
thread of the runtime that ever ran it: 120 processes that woke up every second had 8,607, one alone has 80."""
TMP_SIZE = 64 * 1024**2
SHM_SIZE = 16 * 1024**2
INODES = 16_384
RESERVE = 16 * 1024**2
"""Memory for PID 1 and for the tar that reads the output, beside a full scratch area and a full skill."""

MIN_MEMORY = 16 * 1024**2
"""Under this, PID 1 and an interpreter's start no longer fit."""

MANAGED_BY = "skillbox"

MAX_CPUS = 512
"""How many processors' thermal counters are masked, as the engine's own defaults mask them; a path that is not
there costs nothing."""

SUPERVISORS_OWN = (
    *("mem", "oom_score_adj", "oom_adj"),
    *("autogroup", "sched", "timerslack_ns", "coredump_filter", "clear_refs"),
)
"""Files in `/proc/1` by which a user may change its own processes; the supervisor is the skill's own user."""

MASKED_PATHS = (
    *(f"/proc/1/{folder}{name}" for folder in ("", "task/1/") for name in SUPERVISORS_OWN),
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
    *(f"/sys/devices/system/cpu/cpu{number}/thermal_throttle" for number in range(MAX_CPUS)),
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@cache
def _text(name: str) -> str:
    return files("skillbox_core.sandbox").joinpath(name).read_text("utf-8")


def supervisor_script() -> str:
    """What PID 1 runs."""
    return _text("supervisor.sh")


@cache
def seccomp_profile() -> str:
    """The system call filter, as the JSON that the engine's API takes inline."""
    return json.dumps(json.loads(_text("seccomp.json")), separators=(",", ":"))


def is_gvisor(runtime: str) -> bool:
    """Whether an OCI runtime is gVisor's, by its name on the engine; `doctor` holds the name against what it runs."""
    return "runsc" in runtime.lower() or "gvisor" in runtime.lower()


def pids_limit(runtime: str) -> int:
    """What the host's kernel may count in a sandbox, so that there is room for `PIDS` processes inside.

    gVisor has processes of its own, and its kernel can't limit them. The host counts the runtime's threads instead.
    """
    return PIDS * GVISOR_THREADS if is_gvisor(runtime) else PIDS


def memory_ceiling(memory: int, scratch: int) -> int:
    """Bytes for the whole container.

    Files in a tmpfs are charged to the container that wrote them. The scratch areas come on top of the
    skill's own memory, so that filling one ends in "no space" for the skill, and never in a container too
    short of memory to be collected from.
    """
    return memory + scratch + TMP_SIZE + RESERVE


def collect_command() -> list[str]:
    """The one command that is ever run in a sandbox from outside: a tar of what the skill left, on stdout."""
    # Files the skill made unreadable to itself are still its files.
    return ["sh", "-c", f"chmod -R u+rwX {SANDBOX}/out 2>/dev/null; exec tar -cf - -C {SANDBOX} out"]


def scratch_of(container: Mapping[str, Any]) -> int:
    """Bytes of a container's scratch area, by the engine's account of it; 0 where it has none of ours."""
    options = (container.get("HostConfig", {}).get("Tmpfs") or {}).get(SANDBOX, "")
    return int(next((option.removeprefix("size=") for option in options.split(",") if option.startswith("size=")), 0))


def user_id(container: str, ids: range) -> int:
    """The user, and the group, of a sandbox.

    What the kernel counts by user (inotify instances, pages in pipes, queued signals, ...) would else be one quota for
    all sandboxes on a host. Two that get the same id by chance share it, and nothing else.

    Args:
        container: The attempt's container name, by which every process arrives at the same id.
        ids: Those that the installation's sandboxes may have.
    """
    number = int.from_bytes(hashlib.sha256(container.encode()).digest()[:8], "big")
    return ids[number % len(ids)]


MAPPED_USERS = "1000-65533"
"""Ids that exist in a container where users are mapped: engines give it the first 65,536, by their usual set-up."""


def maps_users(info: Mapping[str, Any]) -> bool:
    """Whether a container's users are others on the host, by an engine's own account (`GET /info`)."""
    options = {str(option).partition(",")[0] for option in info.get("SecurityOptions") or ()}
    return not options.isdisjoint({"name=userns", "name=rootless"})


def container_config(
    *,
    user: int,
    image_id: str,
    memory: int,
    scratch: int,
    cpu_quota: int,
    labels: Mapping[str, str],
    runtime: str = "",
    waits: int = 0,
    warm: str = "",
) -> dict[str, Any]:
    """The body of the create call.

    Args:
        user: As whom the sandbox runs; its group has the same number.
        image_id: Digest of the image's configuration, `sha256:...`, so that no tag can move underneath.
        memory: Bytes for the skill.
        scratch: Bytes for `/sandbox`.
        cpu_quota: Microseconds for each 100 ms.
        labels: Who this container belongs to. Never a secret: labels can be read by anyone on the engine.
        runtime: Name of an OCI runtime that the engine knows; empty for the engine's default.
        waits: Seconds for which it waits for its job where it is made ahead of one; 0 for one that is given it at once.
        warm: The shell command that becomes an interpreter which waits for that job; empty for none.

    Returns:
        JSON-ready values.
    """
    mount = "rw,nosuid,nodev,noexec"
    owner = f"uid={user},gid={user},mode=0700"
    ceiling = memory_ceiling(memory, scratch)
    return {
        "Image": image_id,
        "Entrypoint": ["sh", "-c"],
        "Cmd": [supervisor_script(), "skillbox", *([str(waits)] if waits else []), *([warm] if warm else [])],
        "User": f"{user}:{user}",
        "WorkingDir": SANDBOX,
        "Env": [],
        "Labels": {"managed-by": MANAGED_BY, **labels},
        "Hostname": "sandbox",
        "NetworkDisabled": True,
        "Tty": False,
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGKILL",
        "HostConfig": {
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "Privileged": False,
            "SecurityOpt": ["no-new-privileges:true", f"seccomp={seccomp_profile()}"],
            "PidsLimit": pids_limit(runtime),
            "Memory": ceiling,
            "MemorySwap": ceiling,
            "CpuPeriod": CPU_PERIOD_US,
            "CpuQuota": cpu_quota,
            "CgroupnsMode": "private",
            "IpcMode": "private",
            "ShmSize": SHM_SIZE,
            "Tmpfs": {
                SANDBOX: f"{mount},size={scratch},nr_inodes={INODES},{owner}",
                "/tmp": f"{mount},size={TMP_SIZE},nr_inodes={INODES},{owner}",  # noqa: S108
            },
            "Ulimits": [
                {"Name": name, "Soft": value, "Hard": value}
                for name, value in (
                    ("core", 0),
                    ("nofile", 1024),
                    ("fsize", scratch),
                    ("msgqueue", 0),
                    ("memlock", 0),
                )
            ],
            "OomScoreAdj": 500,
            "RestartPolicy": {"Name": "no"},
            # A container that removes itself takes what was to be collected with it.
            "AutoRemove": False,
            # An engine may be configured to put an init of its own in front; then the supervisor would not be
            # PID 1, and a skill could kill it.
            "Init": False,
            **({"Runtime": runtime} if runtime else {}),
            # A megabyte of what the skill prints, and beside it what an output that is sent along takes at most.
            "LogConfig": {
                "Type": "local",
                "Config": {"max-size": "1150k", "max-file": "1", "compress": "false"},
            },
            "MaskedPaths": list(MASKED_PATHS),
            "ReadonlyPaths": list(READONLY_PATHS),
        },
    }
