"""How the task of a skill ends without a result: as *Cancelled*, or with an error that its caller can read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def without_steps(skill: str) -> Iterator[None]:
    """Errors of the task of a skill go on without the way that they took through our steps.

    Prefect prints an error for the task run and for the flow run, and Python once more: each time with its way through
    our steps and Prefect's, which is no news to whoever called the skill.
    """
    try:
        yield
    except SkillboxError as error:
        logger.debug("%s failed", skill, exc_info=error)
        raise error.with_traceback(None) from None
