"""Results after their run: by the id of an execution, in any process that has the installation."""

from __future__ import annotations

from skillbox_core.base.names import DEFAULT_TENANT
from skillbox_core.installation import Installation, installation_for
from skillbox_core.models import RunResult
from skillbox_core.models.result import StoredFiles
from skillbox_core.settings import Settings, check_installation, load_settings


def load_result(execution_id: str, *, tenant: str = DEFAULT_TENANT, settings: Settings | None = None) -> RunResult:
    """The result of an execution, from its record; its files can be opened.

    Args:
        execution_id: All of its digits, as in `RunResult.execution_id`.
        tenant: Whose execution.
        settings: The installation's; by default those of this process.

    Raises:
        ExecutionNotFoundError: This installation has no such execution, or it is another tenant's.
        SettingsError: There is no installation here, or a setting is wrong.
    """
    return _installation(settings).executions.result(tenant, execution_id)


async def aload_result(
    execution_id: str, *, tenant: str = DEFAULT_TENANT, settings: Settings | None = None
) -> RunResult:
    """See `load_result`."""
    import asyncio

    return await asyncio.to_thread(load_result, execution_id, tenant=tenant, settings=settings)


def stored_files() -> StoredFiles:
    """The files of this process's installation, for results that do not know where they came from."""
    return _installation(None).executions.stored_files


def _installation(settings: Settings | None) -> Installation:
    if settings is None:
        settings = load_settings()
        check_installation(settings)
    return installation_for(settings)
