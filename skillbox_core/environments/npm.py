"""npm, run in an empty folder with nothing of the skill's beside checked files, and no secret of this installation."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from skillbox_core.environments import process
from skillbox_core.environments.npm_errors import explained
from skillbox_core.skills.dependencies import find_npm, tool_environment

LOCK_TIMEOUT = 300.0
INSTALL_TIMEOUT = 1200.0
_NO_ROOM = f"errno -{errno.EFBIG}", "EFBIG"
_WALLS = {f"npm_config_allow_{kind}": "none" for kind in ("git", "remote", "file", "directory")}
"""For what packages of the registry depend on in turn, where npm knows these settings."""
_ALONE = (
    # No package's scripts are run, and no repository is cloned.
    *("--ignore-scripts", "--git=/nonexistent"),
    # Whatever a person's settings say: the same packages in the same places, as files and without links.
    *("--omit=dev", "--include=optional", "--include=peer", "--install-strategy=hoisted", "--no-bin-links"),
    *("--package-lock", "--lockfile-version=3", "--no-legacy-peer-deps", "--no-force", "--no-global"),
    *("--no-audit", "--no-fund", "--no-update-notifier", "--no-progress", "--no-color", "--loglevel=error"),
)


def npm_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment that npm is run in: how it reaches its registry, and no secret of this installation."""
    return {**tool_environment(ours), **_WALLS}


def run_npm(arguments: Sequence[str], folder: Path, *, path: str, timeout: float, max_size: int) -> None:
    """Runs one of npm's commands.

    Args:
        arguments: The command first.
        folder: A temporary folder, its working directory, with its cache.
        path: The skill's file that asks for the packages, for messages.
        max_size: Bytes that the folder may come to hold.

    Raises:
        InvalidSkillError: What is asked for can't be had; names the package.
        IndexUnavailableError: The registry can't be reached.
    """
    cache = folder / "cache"
    said = process.run(
        [find_npm(path), *arguments, *_ALONE, f"--cache={cache}", f"--prefix={folder}"],
        folder,
        env=npm_environment(os.environ),
        path=path,
        timeout=timeout,
        max_size=max_size,
    )
    if said is not None:
        if any(word in said for word in _NO_ROOM):
            raise process.too_large(path, max_size)
        raise explained(said, str(folder), path)
