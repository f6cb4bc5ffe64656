"""uv, run in an empty folder with nothing of the skill's beside checked lines, and no secret of this installation."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from skillbox_core.base.quantities import format_bytes
from skillbox_core.environments.platforms import uv_platform
from skillbox_core.environments.uv_errors import explained
from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Interpreter
from skillbox_core.skills.dependencies import PASSED

LOCK_TIMEOUT = 300.0
INSTALL_TIMEOUT = 1200.0
_LOOK_INTERVAL = 1.0
"""Seconds between two looks at how much has been unpacked."""
_SAID = 64 * 1024
_NO_ROOM = f"(os error {errno.EFBIG})"
_UV = re.compile(
    r"UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|INDEX_STRATEGY|INDEX_\w+_(USERNAME|PASSWORD)"
    r"|INSECURE_HOST|KEYRING_PROVIDER|HTTP_TIMEOUT|HTTP_RETRIES|NATIVE_TLS|SYSTEM_CERTS|OFFLINE)\Z"
)
"""uv's variables that say how the index is reached; every other one would change what is taken, or where it goes."""
_OF_PIP = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_CERT": "SSL_CERT_FILE",
}
"""pip's variables for the same, which are taken where uv's own say nothing."""
_ALONE = ("--no-config", "--no-python-downloads", "--no-progress", "--color", "never", "--no-build", "--quiet")


def uv_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment that uv is run in."""
    taken = {name: value for name, value in ours.items() if name.upper() in PASSED or _UV.match(name)}
    if not any(name.startswith("UV_") for name in taken):
        for name, own in _OF_PIP.items():
            if ours.get(name):
                taken.setdefault(own, ours[name])
    return taken


def no_index(ours: Mapping[str, str]) -> bool:
    """Whether pip is kept to its folders of packages; uv has an argument for that, and no variable."""
    return ours.get("PIP_NO_INDEX", "").lower() in ("1", "true", "yes", "on") and not ours.get("UV_DEFAULT_INDEX")


def for_interpreter(interpreter: Interpreter) -> list[str]:
    """uv's arguments that make it choose as the image's Python would."""
    return ["--python-version", interpreter.version, "--python-platform", uv_platform(interpreter)]


def run_uv(
    command: Sequence[str],
    arguments: Sequence[str],
    folder: Path,
    *,
    path: str,
    interpreter: Interpreter,
    timeout: float,
    max_size: int,
) -> None:
    """Runs one of uv's commands.

    Args:
        command: Such as `pip compile`, in parts.
        folder: A temporary folder, its working directory, with its cache.
        path: The skill's file that asks for the packages, for messages.
        max_size: Bytes that the folder may come to hold.

    Raises:
        InvalidSkillError: What is asked for can't be had; names the package.
        IndexUnavailableError: The index can't be reached.
    """
    from uv import find_uv_bin

    alone = [*_ALONE, "--cache-dir", str(folder / "cache"), "--python", sys.executable]
    if no_index(os.environ):
        alone.append("--no-index")
    errors = folder / "stderr"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - fixed program, and arguments that are paths or checked
            [find_uv_bin(), *command, *alone, *arguments],
            cwd=folder,
            env=uv_environment(os.environ),
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
    if code:
        with errors.open("rb") as file:
            said = file.read(_SAID).decode(errors="replace")
        if _NO_ROOM in said:
            raise too_large(path, max_size)
        raise explained(said, str(folder), path, interpreter)


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
