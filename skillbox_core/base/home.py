"""The folder of an installation: where it is looked for, and the `.env` in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from skillbox_core.errors import SettingsError

HOME_FOLDER = ".skillbox"
HOME_VARIABLE = "SKILLBOX_HOME"
MAKES_ONE = "`skillbox setup` makes an installation; in a checkout, `make setup` does"


def find_home(start: Path | None = None) -> Path:
    """The folder where an installation keeps its state.

    `SKILLBOX_HOME` if set; else the nearest `.skillbox` here or in a parent folder; else `~/.skillbox`.
    """
    if value := os.environ.get(HOME_VARIABLE):
        return Path(value).expanduser().absolute()
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / HOME_FOLDER).is_dir():
            return folder / HOME_FOLDER
    return Path.home() / HOME_FOLDER


def check_home(home: Path, environment: Mapping[str, str], *, database: bool, store: bool) -> None:
    """Refuses an installation that nobody made: what is looked for is elsewhere, or its name is mistyped.

    Args:
        database, store: Whether settings name these parts. With both of them the folder is only a cache, which is made
            when it is needed. With a database alone it is, too, but not where somebody says that there is a folder.

    Raises:
        SettingsError: With the command that makes one.
    """
    named = environment.get(HOME_VARIABLE)
    if (database and (store or not named)) or home.is_dir():
        return
    if named:
        what = "is not a folder" if home.exists() else "does not exist"
        raise SettingsError(f"{HOME_VARIABLE}={named} {what}", hint=f"is it mistyped? {MAKES_ONE}")
    raise SettingsError(
        f"there is no installation: {Path.cwd()} and the folders above it have no {HOME_FOLDER}, and {home} does not "
        "exist",
        hint=f"{MAKES_ONE}; {HOME_VARIABLE} names one that is elsewhere",
    )


def load_env_file(path: Path | None = None) -> None:
    """Puts the installation's `.env` into the process environment, where a variable is not set already.

    Libraries with settings of their own (Prefect) then see the same values as this package does. A home that is named
    there means the folder where the file lies: a copied or moved installation is not the one that it was copied from.

    Raises:
        SettingsError: It is there and can't be read.
    """
    path = path or find_home() / ".env"
    try:
        if not path.is_file():
            return
        from dotenv import dotenv_values

        found = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{path} can't be read: {reason}", hint=f"{HOME_VARIABLE} says where it lies") from None
    if found.get(HOME_VARIABLE):
        found[HOME_VARIABLE] = str(path.parent.absolute())
    for name, value in found.items():
        if value is not None:
            os.environ.setdefault(name, value)
