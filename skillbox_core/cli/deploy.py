"""`skillbox deploy`: hands a skill to the scheduler that is installed beside the core."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from skillbox_core.errors import SettingsError

GROUP = "skillbox.schedulers"
"""Entry points of this group name a function with the arguments of `prefect_skillbox.flows.deploy.deploy`."""


def scheduler() -> Callable[..., str]:
    """The installed scheduler's function that makes a deployment.

    Raises:
        SettingsError: There is none, or it can't be loaded.
    """
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    if not found:
        raise SettingsError("no scheduler is installed beside Skillbox", hint="install prefect-skillbox")
    try:
        make: Callable[..., str] = found[0].load()
    except ImportError as error:
        raise SettingsError(
            f"the scheduler {found[0].name} can't be loaded: {error}", hint=f"is {found[0].name} installed?"
        ) from error
    return make
