"""Looks for a container engine: where it is named, then where engines usually are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skillbox_core.base.engine_address import SYSTEM_SOCKET, context_url, contexts, docker_folder, engine_url
from skillbox_core.errors import SkillboxError
from skillbox_core.sandbox.engine import Engine


@dataclass(frozen=True)
class Tried:
    """An address, who named it, and why it is not used; `problem` is empty for one that answers."""

    url: str
    named_by: str
    problem: str = ""


def candidates(environment: Mapping[str, str], user: Path, number: int, known: str = "") -> dict[str, str]:
    """Where an engine may be, in the order of preference, each with who names it.

    Args:
        user: The user's home folder.
        number: The user's number.
        known: What the installation's `.env` says.
    """
    if asked := environment.get("SKILLBOX_DOCKER_HOST"):
        # Somebody's word: another engine would be the wrong one.
        return {asked: "SKILLBOX_DOCKER_HOST"}
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{number}"
    folder = docker_folder(environment)
    named = [
        (environment.get("DOCKER_HOST", ""), "DOCKER_HOST"),
        (known, "the installation's .env"),
        (engine_url("", {**environment, "DOCKER_HOST": ""}), "Docker's current context"),
        (SYSTEM_SOCKET, "the usual socket"),
        (f"unix://{runtime}/docker.sock", "rootless Docker"),
        (f"unix://{user}/.docker/run/docker.sock", "Docker Desktop"),
        (f"unix://{user}/.docker/desktop/docker.sock", "Docker Desktop"),
        (f"unix://{user}/.orbstack/run/docker.sock", "OrbStack"),
        (f"unix://{user}/.colima/default/docker.sock", "Colima"),
        (f"unix://{user}/.rd/docker.sock", "Rancher Desktop"),
        *((context_url(folder, name), f'Docker\'s context "{name}"') for name in contexts(folder)),
        (f"unix://{runtime}/podman/podman.sock", "rootless Podman"),
        ("unix:///run/podman/podman.sock", "Podman"),
    ]
    found: dict[str, str] = {}
    for url, by in named:
        if url:
            found.setdefault(url, "the usual socket" if url == SYSTEM_SOCKET else by)
    return found


def search(candidates: Mapping[str, str]) -> list[Tried]:
    """Tries addresses in turn until one answers, which is then the last of the result.

    A socket that is not there is passed over, unless somebody named it.
    """
    tried = []
    for url, by in candidates.items():
        named = by in ("SKILLBOX_DOCKER_HOST", "DOCKER_HOST", "the installation's .env")
        if not named and url.startswith("unix://") and not Path(url.removeprefix("unix://")).exists():
            continue
        try:
            Engine(url).version()
        except SkillboxError as error:
            tried.append(Tried(url, by, str(error)))
        else:
            tried.append(Tried(url, by))
            break
    return tried
