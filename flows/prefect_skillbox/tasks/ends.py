"""How the task of a skill ends without a result: as *Cancelled*, or with an error that its caller can read."""

from __future__ import annotations

import logging
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled
from prefect.transactions import get_transaction

from skillbox_core.errors import SkillboxError

logger = logging.getLogger(__name__)


def cancelled(message: str) -> State[Any]:
    """What the task of a skill gives that was cancelled; it is not kept."""
    if (transaction := get_transaction()) is not None:
        # Prefect keeps what a task returns under its cache key, and does not look whether it is a success.
        transaction.write_on_commit = False
    return Cancelled(message=message)


def without_steps(error: SkillboxError, skill: str) -> SkillboxError:
    """The error of the task of a skill, to be raised without the way that it took through our steps.

    Prefect prints an error for the task run and for the flow run, and Python once more: each time with its way through
    our steps and Prefect's, which is no news to whoever called the skill.
    """
    logger.debug("%s failed", skill, exc_info=error)
    return error.with_traceback(None)
