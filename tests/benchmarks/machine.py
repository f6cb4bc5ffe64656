"""What was measured on: sizes, and programs with their versions. No names of hosts, users or folders."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from skillbox_core import Settings
from skillbox_core.sandbox.engine import Engine
from tests.benchmarks import peers


def machine() -> dict[str, str]:
    """By what it is called."""
    told = Engine(Settings().engine_url).version()
    components = {one["Name"]: one["Version"] for one in told.get("Components") or ()}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processors": f"{os.cpu_count()} processors ({processor()})",
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release().partition("-")[0],
        "engine": str(told.get("Version")),
        "runc": str(components.get("runc", "unknown")),
        "docker": docker(),
        "python": platform.python_version(),
        "skillbox": version("skillbox-core"),
        "prefect": version("prefect"),
        **{peer.package: peers.version(peer) for peer in peers.PEERS},
    }


def processor() -> str:
    """The processor's model, as the kernel says it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def docker() -> str:
    """The version of the docker command; of the library where there is none."""
    if not shutil.which("docker"):
        return f"docker-py {version('docker')}"
    done = subprocess.run(["docker", "--version"], capture_output=True, text=True)
    return done.stdout.removeprefix("Docker version ").partition(",")[0].strip() or "unknown"
