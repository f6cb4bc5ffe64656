"""Hooks for flows that use skills: when a flow run is cancelled or lost, its containers go and its records end.

A skill that is still looked after ends by itself when its process is told to stop. These are for the rest:
they may run in another process than the skills did, so they find everything by the flow run's label.

    @flow(on_cancellation=[stop_skills], on_crashed=[stop_skills])

`stop_skills_on("name")` is the same for skills with `installation="name"`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging.loggers import flow_run_logger

from prefect_skillbox.config.installation import installation_for, installation_settings
from skillbox_core.errors import SkillboxError
from skillbox_core.operations.orphans import end_owner
from skillbox_core.status import Status

Hook: TypeAlias = Callable[[Flow[Any, Any], FlowRun, State[Any]], None]


def stop_skills(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Ends the skills of a flow run; a hook for `on_cancellation` and `on_crashed`.

    It looks at this process's own installation. Trouble is logged and left to the next clean-up: a hook's error
    would hide why the flow run ended.
    """
    _stop(None, flow, flow_run, state)


def stop_skills_on(installation: str | None) -> Hook:
    """The hook `stop_skills` for skills that run on another installation.

    Args:
        installation: Name of a `SkillboxInstallation` block, as in `skill(..., installation="name")`.
    """

    def stop_skills(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
        _stop(installation, flow, flow_run, state)

    return stop_skills


def _stop(installation: str | None, flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    logger = flow_run_logger(flow_run, flow)
    status = Status.CANCELLED if state.is_cancelled() or state.is_cancelling() else Status.FAILED
    try:
        ended = end_owner(installation_for(installation_settings(installation)), str(flow_run.id), status)
    except SkillboxError as error:
        logger.warning("the skills of this flow run could not be ended: %s", error)
        return
    for orphan in ended:
        logger.info("ended %s %s%s", orphan.kind, orphan.name, f": {orphan.error}" if orphan.error else "")
