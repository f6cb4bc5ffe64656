"""What the Makefile calls: `up`, `venv`, `services`, `gvisor`, `tools-image`, `audit`, `down`, `clean` and others."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial

from deployments.local import audit, engine, images, prefect_server, services, tools_image, venv
from deployments.local.common import (
    LOGS,
    ROOT,
    STATE,
    VENV,
    SetupError,
    project_hash,
    say,
    step,
    stop_daemon,
    write_env,
)

MANAGED = (
    "SKILLBOX_HOME",
    "SKILLBOX_DOCKER_HOST",
    "SKILLBOX_IMAGE_ALIASES",
    "SKILLBOX_INSTANCE",
    "PREFECT_API_URL",
    "PREFECT_HOME",
    *prefect_server.QUIET,
)

DRAIN_TIMEOUT = 60
"""Seconds for containers that wait to be removed."""


@contextmanager
def _alone() -> Iterator[None]:
    """One set-up at a time in a checkout, whose state is for this user alone: records and files come to lie there."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    (STATE / "run").mkdir(exist_ok=True)
    with (STATE / "run" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up() -> None:
    """Brings everything up; what does not depend on each other, side by side."""
    with _alone(), ThreadPoolExecutor(2) as pool:
        # Said at once: the packages beside it take a minute.
        engine.check_possible()
        server = pool.submit(_python_side)
        containers = pool.submit(_container_side)
        url, aliases = containers.result()
        values = {
            "SKILLBOX_HOME": str(STATE),
            "SKILLBOX_DOCKER_HOST": url,
            "SKILLBOX_INSTANCE": f"local-{project_hash()}",
        }
        if aliases:
            values["SKILLBOX_IMAGE_ALIASES"] = ",".join(f"{asked}={used}" for asked, used in aliases.items())
        write_env({**values, **server.result()}, MANAGED)


def _python_side() -> dict[str, str]:
    with step("packages") as found:
        found.append(venv.ensure_venv())
    with step("prefect") as found:
        values, word = prefect_server.ensure_server()
        found.append(word)
    return values


def _container_side() -> tuple[str, dict[str, str]]:
    with step("engine") as found:
        url, word = engine.ensure_engine()
        found += [word, url]
    with step("images") as found:
        aliases, word = images.ensure_images(url, images.given_aliases())
        found.append(word)
    return url, aliases


def only_venv() -> None:
    """Makes the virtual environment only."""
    with _alone(), step("packages") as found:
        found.append(venv.ensure_venv())


def make_tools_image() -> None:
    """Makes the image with tools, and says how skills may use it: which images run here is the operator's word."""
    with _alone(), step("tools") as found:
        url, _ = engine.ensure_engine()
        image, word = tools_image.ensure_tools_image(url)
        found.append(word)
    say(f"Allow it: add {image} to SKILLBOX_IMAGE_ALLOWLIST (docs/skills.md); then `image: {image}` in SKILL.md.")


def service_packages() -> None:
    """Installs what the tests need beside the installation."""
    with _alone(), step("services") as found:
        found.append(services.ensure_services())


def gvisor_package() -> None:
    """Installs gVisor's runtime."""
    with _alone(), step("gvisor") as found:
        found.append(services.ensure_gvisor())


def look_up_advisories(*, strict: bool = False) -> None:
    """Says what is known against the locked dependencies; only `audit` fails on it.

    A new advisory is no fault of the change that is being checked when it comes out.
    """
    with _alone(), step("advisories") as found:
        try:
            word, known = audit.advisories()
        except SetupError as error:
            if strict:
                raise
            word, known = f"not looked up: {error}", False
        found.append(word)
    if strict and known:
        raise SetupError("there are advisories against locked dependencies")


def down() -> None:
    """Ends what `up` started, and nothing else; data stays. Nothing waits for a job afterwards."""
    with _alone():
        _drain()
        for name, stopped in (
            ("prefect", stop_daemon(prefect_server.NAME)),
            ("engine", engine.stop_private()),
        ):
            say(f"{name}: {'stopped' if stopped else 'was not started here'}")


def _drain() -> None:
    """Removes the containers that wait for a job: on an engine that goes on they would be of no use for minutes."""
    command = [str(VENV / "bin" / "skillbox"), "pool", "drain"]
    with suppress(OSError, subprocess.SubprocessError):
        # What is not there, or does not answer, has nothing waiting, or ends it by itself.
        subprocess.run(command, cwd=ROOT, capture_output=True, timeout=DRAIN_TIMEOUT)


def status() -> None:
    """Says what answers."""
    url = next((url for url in engine.candidates() if engine.answers(url)), None)
    try:
        api = prefect_server.existing_server() or "none answers"
    except SetupError as error:
        api = str(error)
    current = venv.STAMP.is_file() and venv.STAMP.read_text() == venv.wanted_stamp()
    say(f"packages: {'current' if current else 'not installed from this lock'}")
    say(f"engine:   {url or 'none answers'}")
    say(f"prefect:  {api}")


def clean() -> None:
    """`down`, and away with everything the set-up made."""
    down()
    engine.unmount_leftovers()
    folders = (VENV, engine.private_folder(), STATE)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    if left := [str(folder) for folder in folders if os.path.lexists(folder)]:
        raise SetupError(f"could not delete {', '.join(left)}: see whose files are in there, and what is mounted there")


def main() -> int:
    """Runs one command."""
    commands: dict[str, Callable[[], None]] = {
        "up": up,
        "venv": only_venv,
        "services": service_packages,
        "gvisor": gvisor_package,
        "tools-image": make_tools_image,
        "advisories": look_up_advisories,
        "audit": partial(look_up_advisories, strict=True),
        "down": down,
        "status": status,
        "clean": clean,
    }
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        print(f"usage: bootstrap.sh {'|'.join(commands)}", file=sys.stderr)
        return 2
    try:
        commands[sys.argv[1]]()
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
