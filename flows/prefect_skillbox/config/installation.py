"""Which installation a process works with: its `.env`, or what a block in Prefect says."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from prefect.context import refresh_global_settings_context
from prefect.runtime import flow_run

from skillbox_core.base.home import load_env_file
from skillbox_core.errors import InfrastructureError, SettingsError
from skillbox_core.installation import installation_for
from skillbox_core.settings import Settings, check_installation, load_settings

if TYPE_CHECKING:
    from prefect_skillbox.config.blocks import SkillboxInstallation

__all__ = ["installation_for", "installation_settings"]

load_env_file()
# Prefect read its settings when it was imported, before ours were there.
refresh_global_settings_context()


def installation_settings(block: str | None = None) -> Settings:
    """The settings to work with.

    Args:
        block: Name of a `SkillboxInstallation` block; None for this process's own settings. It is read once for
            each flow run.

    Raises:
        SettingsError: A setting is wrong, there is no such block, or nobody has made the installation.
    """
    settings = load_settings()
    if block is not None:
        run = flow_run.get_id()
        settings = (_block(block, run) if run else _block.__wrapped__(block, None)).settings(settings)
    check_installation(settings)
    return settings


@lru_cache(maxsize=32)
def _block(name: str, _flow_run: str | None) -> SkillboxInstallation:
    from prefect_skillbox.config.blocks import SkillboxInstallation

    where = f"the block skillbox-installation/{name}"
    try:
        found = SkillboxInstallation.load(name, _sync=True)  # type: ignore[call-arg]
    except ValueError:
        # Its text could hold a value, so it is not passed on.
        raise SettingsError(f"{where} does not exist, or can't be read as one") from None
    except Exception as error:
        raise InfrastructureError(f"{where} could not be read: {type(error).__name__}") from None
    assert isinstance(found, SkillboxInstallation)
    return found
