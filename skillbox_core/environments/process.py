"""An installer, run with a time limit and a limit on what it may write, and ended with all that it started."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import InvalidSkillError

_LOOK_INTERVAL = 1.0
"""Seconds between two looks at how much has been unpacked."""
_SAID = 64 * 1024


def run(
    command: Sequence[str], folder: Path, *, env: Mapping[str, str], path: str, timeout: float, max_size: int
) -> str | None:
    """Runs a program that prepares packages.

    Args:
        folder: A temporary folder, its working directory, with its cache.
        env: All of its environment.
        path: The skill's file that asks for the packages, for messages.
        timeout: Seconds.
        max_size: Bytes of one file that it may write; in all it may write twice as many.

    Returns:
        What it said on stderr when it failed; None when it did not.

    Raises:
        InvalidSkillError: It took too long, or wrote too much.
    """
    errors = folder / "stderr"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - fixed program, and arguments that are paths or checked
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (max_size, max_size))
            code = _wait(process, folder, path, timeout, max_size)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code == -signal.SIGXFSZ:
        raise too_large(path, max_size)
    if not code:
        return None
    with errors.open("rb") as file:
        return file.read(_SAID).decode(errors="replace")


def _wait(process: subprocess.Popen[bytes], folder: Path, path: str, timeout: float, max_size: int) -> int:
    end = time.monotonic() + timeout
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_LOOK_INTERVAL)
        if time.monotonic() > end:
            raise InvalidSkillError(f"preparing the packages of {path} took longer than {timeout:g} s")
        if _held(folder) > 2 * max_size:
            raise too_large(path, max_size)


def too_large(path: str, max_size: int) -> InvalidSkillError:
    """The error of an environment that is over the limit."""
    return InvalidSkillError(
        f"the packages of {path} are over this installation's limit of {format_bytes(max_size)}",
        hint="SKILLBOX_MAX_TREE_SIZE",
    )


def _held(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(root) / name).lstat().st_blocks * 512
    return total
