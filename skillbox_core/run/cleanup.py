"""What an execution leaves on this machine and on its engine, and how that goes."""

from __future__ import annotations

import logging
from functools import partial

from skillbox_core.base.retry import repeated
from skillbox_core.errors import SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.models import Execution
from skillbox_core.sandbox import container
from skillbox_core.storage import spool

logger = logging.getLogger(__name__)


def let_go(installation: Installation, execution: Execution, *, harvestable: bool) -> None:
    """Clears what an execution left in the spool, and removes its container.

    Args:
        harvestable: Its container holds the only copy of what happened, for whoever tries again: it stays.
    """
    if harvestable:
        spool.clear(installation.spool, execution)
    else:
        remove(installation, execution)


def remove(installation: Installation, execution: Execution) -> None:
    """Removes the container of an execution, and what waits in the spool; one that can't be removed is logged."""
    spool.clear(installation.spool, execution)
    instance = installation.settings.instance
    call = partial(container.remove, installation.engine, execution.id, execution.attempt, instance)
    try:
        repeated(call)
    except SkillboxError as error:
        # The record is right and the container will end by itself; the reconciler removes it.
        logger.warning("the container of execution %s is left for cleanup: %s", execution.id, error)
