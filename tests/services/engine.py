"""A second container engine, with a configuration of its own, beside the one that the tests share."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skillbox_core.errors import EngineError
from skillbox_core.sandbox.engine import Engine
from tests.services.process import running

SUBORDINATE = 231072
"""The host's user that is root in a remapped container."""


def missing() -> str | None:
    """Why it can't run here."""
    if os.getuid() != 0:
        return "only root can start another engine"
    programs = [name for name in ("dockerd", "runc", "unshare") if not shutil.which(name)]
    return f"{', '.join(programs)} is not installed" if programs else None


@contextmanager
def engine(folder: Path, *options: str, remap: bool = False) -> Iterator[Engine]:
    """Starts an engine with its data below `folder`, which must have a short path: sockets lie in it.

    Args:
        options: More arguments for dockerd.
        remap: Its containers have user namespaces.
    """
    url = f"unix://{folder}/s"
    command = [
        *("dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false", "--host", url),
        *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid", *options),
    ]
    folder.chmod(0o711)
    if remap:
        # The engine reads who may be mapped from /etc, so it gets a view of /etc of its own.
        ids = folder / "ids"
        ids.write_text("".join(f"{name}:{SUBORDINATE}:65536\n" for name in ("nobody", "nogroup")))
        view = f"mount --bind {ids} /etc/subuid && mount --bind {ids} /etc/subgid && exec"
        command = ["unshare", "--mount", "sh", "-c", f'{view} "$@"', "sh", *command, "--userns-remap=nobody:nogroup"]
    log = folder / "log"
    with running(command, log) as process:
        found, give_up = Engine(url), time.monotonic() + 60
        while True:
            try:
                found.version()
                break
            except EngineError:
                assert process.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < give_up, log.read_text()[-2000:]
                time.sleep(0.05)
        yield found


def copy_image(source: Engine, target: Engine, name: str) -> None:
    """Brings an image from one engine to another under the same name."""
    target._api.load_image(source._api.get_image(name))
