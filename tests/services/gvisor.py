"""A container engine with gVisor's `runsc`, set up as SECURITY.md says, and once without the filter's flag."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skillbox_core.sandbox.engine import Engine
from skillbox_core.settings import Settings
from tests.services import engine

RUNTIME, UNFILTERED = "runsc", "runsc-unfiltered"
FLAGS = ("--network=none", "--oci-seccomp")


def missing() -> str | None:
    """Why it can't run here, in runsc's own words where it can't make a sandbox."""
    if why := engine.missing():
        return why
    if (program := shutil.which("runsc")) is None:
        return "runsc is not installed"
    try:
        tried = subprocess.run([program, *FLAGS, "do", "true"], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "runsc made no sandbox in 60 s"
    said = " ".join((tried.stderr or tried.stdout).split())[-300:]
    return f"runsc can't make a sandbox here: {said}" if tried.returncode else None


def daemon_json() -> dict[str, Any]:
    """The engine's configuration."""
    path = shutil.which("runsc")
    unfiltered = [flag for flag in FLAGS if flag != "--oci-seccomp"]
    return {
        "runtimes": {
            RUNTIME: {"path": path, "runtimeArgs": list(FLAGS)},
            UNFILTERED: {"path": path, "runtimeArgs": unfiltered},
        }
    }


@contextmanager
def gvisor(folder: Path, usual: Settings) -> Iterator[Settings]:
    """The installation's settings on an engine of its own, with the usual engine's images and gVisor's sandboxes.

    Args:
        folder: For the engine's data; must have a short path.
    """
    configuration = folder / "daemon.json"
    configuration.write_text(json.dumps(daemon_json()))
    with engine.engine(folder, f"--config-file={configuration}") as found:
        source = Engine(usual.engine_url)
        for image in {usual.image_aliases.get(name, name) for name in usual.default_images.values()}:
            engine.copy_image(source, found, image)
        yield usual.model_copy(update={"docker_host": found.url, "runtime": RUNTIME})
