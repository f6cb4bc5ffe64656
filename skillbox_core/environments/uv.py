"""uv, run in an empty folder with nothing of the skill's beside checked lines, and no secret of this installation."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from skillbox_core.base.names import shown
from skillbox_core.environments import process
from skillbox_core.environments.platforms import uv_platform
from skillbox_core.environments.uv_errors import explained
from skillbox_core.errors import IndexUnavailableError
from skillbox_core.models import Interpreter
from skillbox_core.skills.dependencies import PASSED

LOCK_TIMEOUT = 300.0
INSTALL_TIMEOUT = 1200.0
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
"""pip's variables for the same, which are taken where uv's own name no place."""
_PLACES = {
    **dict.fromkeys(("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"), ""),
    "UV_FIND_LINKS": ",",
}
"""Variables that name indexes, and what parts those; empty for spaces."""
_ALONE = ("--no-config", "--no-python-downloads", "--no-progress", "--color", "never", "--no-build", "--quiet")


def uv_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment that uv is run in."""
    taken = {name: value for name, value in ours.items() if name.upper() in PASSED or _UV.match(name)}
    if _pips_places(ours):
        for name, own in _OF_PIP.items():
            if ours.get(name):
                taken.setdefault(own, ours[name])
        if folders := taken.get("UV_FIND_LINKS"):
            # pip's are parted by spaces.
            taken["UV_FIND_LINKS"] = ",".join(folders.split())
    return taken


def with_whole_paths(variables: Mapping[str, str], exists: Callable[[str], bool] = os.path.exists) -> dict[str, str]:
    """The same variables, with folders of packages as they are named from this process's folder: uv works in another.

    Raises:
        IndexUnavailableError: What a variable names is neither an address nor there; uv would find no package in it.
    """
    found = dict(variables)
    for name, separator in _PLACES.items():
        if name in found:
            places = found[name].split(separator) if separator else found[name].split()
            found[name] = (separator or " ").join(_whole(name, place.strip(), exists) for place in places if place)
    return found


def _whole(name: str, place: str, exists: Callable[[str], bool]) -> str:
    called, equals, path = place.rpartition("=")
    if "://" in place or not path:
        return place
    whole = str(Path.cwd() / path)
    if not exists(whole):
        raise IndexUnavailableError(
            f"{name} names {shown(path)}, which is no address, and no folder that is there",
            hint="an index has an address (`https://...`) or is a folder; where uv's variables say nothing, pip's do",
        )
    return f"{called}{equals}{whole}"


def no_index(ours: Mapping[str, str]) -> bool:
    """Whether pip is kept to its folders of packages; uv has an argument for that, and no variable."""
    return ours.get("PIP_NO_INDEX", "").lower() in ("1", "true", "yes", "on") and _pips_places(ours)


def _pips_places(ours: Mapping[str, str]) -> bool:
    """Whether packages come from where pip is told: a timeout for uv is no place, and must not lead elsewhere."""
    return not any(ours.get(name) for name in _PLACES)


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
    said = process.run(
        [find_uv_bin(), *command, *alone, *arguments],
        folder,
        env=with_whole_paths(uv_environment(os.environ)),
        path=path,
        timeout=timeout,
        max_size=max_size,
    )
    if said is not None:
        if _NO_ROOM in said:
            raise process.too_large(path, max_size)
        raise explained(said, str(folder), path, interpreter)
