"""How loud the steps of a run are in its log: that a step went well is for whoever asks for details."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_in_step: ContextVar[bool] = ContextVar("skillbox_in_step", default=False)
_FINISHED = "Finished in state "
"""How Prefect's line begins. A skill's own line of these words comes as an argument of its record, not as its text."""


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, Prefect's task runs log that they went well at DEBUG."""
    token = _in_step.set(True)
    try:
        yield
    finally:
        _in_step.reset(token)


class _WentWell(logging.Filter):
    """Turns that line of a step from INFO to DEBUG, and drops it where nobody asks for DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter`."""
        if not (_in_step.get() and record.levelno == logging.INFO and str(record.msg).startswith(_FINISHED)):
            return True
        record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
        return _task_runs.isEnabledFor(logging.DEBUG)


# Prefect has no level for one task. Its loggers keep filters when it sets them up anew.
_task_runs = logging.getLogger("prefect.task_runs")
_task_runs.addFilter(_WentWell())
