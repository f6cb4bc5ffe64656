"""Trying again: infrastructure may have recovered a moment later, an answer does not change.

A scheduler retries the steps itself and shows it. Where nobody else does, this is the way.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from skillbox_core.errors import SkillboxError

T = TypeVar("T")

ATTEMPTS = 3
FIRST_DELAY = 0.5
"""Seconds before the second attempt; each further delay is twice as long. Each is varied by half, up and down."""

logger = logging.getLogger(__name__)


def repeated(call: Callable[[], T], attempts: int = ATTEMPTS) -> T:
    """Calls, and calls again when infrastructure failed.

    Args:
        attempts: Calls in all, at most.

    Raises:
        SkillboxError: An answer, or what the last attempt failed with.
    """
    for attempt in range(1, attempts):
        try:
            return call()
        except SkillboxError as error:
            if not error.retryable:
                raise
            logger.info("attempt %d of %d: %s", attempt, attempts, error)
        time.sleep(FIRST_DELAY * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311
    return call()
