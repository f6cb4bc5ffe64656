"""`skillbox setup`: makes an installation on an engine that is there, and says what is missing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from skillbox_core.base import env_file
from skillbox_core.base.files import make_private, unwritable
from skillbox_core.base.home import HOME_FOLDER, HOME_VARIABLE, find_home, load_env_file
from skillbox_core.errors import InvalidRequestError, SkillboxError
from skillbox_core.operations.engine_checks import Check, Level
from skillbox_core.operations.engine_search import Tried, candidates, search
from skillbox_core.operations.host_system import System, engine_advice
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.images import local_image, ready_image
from skillbox_core.sandbox.policy import MAPPED_USERS, maps_users
from skillbox_core.settings import Settings, make_settings

_PULLED = "SKILLBOX_IMAGE_ALIASES=ASKED=YOURS names one that is there (`docker images`); then `skillbox setup` again"


def chosen_home(folder: Path | None) -> Path:
    """The home to be made: `.skillbox` in a folder that is named, else the one that commands find from here."""
    return folder.absolute() / HOME_FOLDER if folder is not None else find_home()


def set_up(home: Path, system: System) -> Iterator[Check]:
    """Makes the installation, each part as soon as it is done: its folder with `.env`, its engine, its images.

    Without an engine there is an installation too: skills can be stored in it.

    Raises:
        InvalidRequestError, DiskError: The folder can't be made or written.
        SettingsError: A setting of the environment, or of an `.env` that is there, is wrong.
    """
    file = home / ".env"
    known = env_file.read(file)
    tried = search(candidates(os.environ, Path.home(), os.getuid(), known.get("SKILLBOX_DOCKER_HOST", "")))
    found = next((each for each in tried if not each.problem), None)
    _write(home, file, known, found)
    yield Check("installation", "OK", f"{file} written")
    for each in tried:
        if each.problem:
            level: Level = "FAIL" if each.named_by == "SKILLBOX_DOCKER_HOST" else "WARN"
            yield Check("engine", level, f"{each.named_by}: {each.problem}", "" if found else _unset(each.named_by))
    if found is None:
        if not any(each.named_by == "SKILLBOX_DOCKER_HOST" for each in tried):
            advice = "; ".join([*engine_advice(system), "then `skillbox setup` again"])
            yield Check("engine", "FAIL", f"no container engine answers on this system ({system.name})", advice)
        return
    engine = Engine(found.url)
    yield Check("engine", "OK", f"{engine.version().get('Version', '?')} at {found.url} ({found.named_by})")
    load_env_file(file)
    settings = make_settings({"home": home})
    for language, image in settings.default_images.items():
        yield _image(engine, settings, language, image)


def _unset(name: str) -> str:
    again = "`skillbox setup` again"
    return f"start it, or `unset {name}`, then {again}" if name.isupper() else f"start it, then {again}"


def _write(home: Path, file: Path, known: dict[str, str], found: Tried | None) -> None:
    url = found.url if found else ""
    instance = f"local-{hashlib.sha256(os.fsencode(home)).hexdigest()[:8]}"
    values = {HOME_VARIABLE: str(home), "SKILLBOX_DOCKER_HOST": url}
    # Installations that share an engine clean up after themselves only, if each has a name of its own.
    users = MAPPED_USERS if found and maps_users(Engine(url).info()) else ""
    for name, usual in (
        ("SKILLBOX_INSTANCE", instance), ("SKILLBOX_IMAGE_ALIASES", ""), ("SKILLBOX_USER_IDS", users)
    ):  # fmt: skip
        values[name] = os.environ.get(name) or known.get(name) or usual
    if not url and "SKILLBOX_DOCKER_HOST" in known:
        values["SKILLBOX_DOCKER_HOST"] = known["SKILLBOX_DOCKER_HOST"]
    try:
        make_private(home)
        env_file.write(file, {name: value for name, value in values.items() if value}, values)
    except OSError as error:
        raise unwritable(home, error) from None
    except ValueError as error:
        raise InvalidRequestError(str(error), hint="SKILLBOX_HOME names a folder with another path") from None


def _image(engine: Engine, settings: Settings, language: str, image: str) -> Check:
    part = f"image {language}"
    used = resolve_image(image, settings.image_allowlist, settings.image_aliases)
    name = image if used == image else f"{used} for {image}"
    try:
        if local_image(engine, used) is not None:
            return Check(part, "OK", f"{name} is there")
        ready_image(engine, used)
    except SkillboxError as error:
        return Check(part, "WARN", error.message, f"`docker pull {image}` where there is a registry, or {_PULLED}")
    return Check(part, "OK", f"{name} pulled")
