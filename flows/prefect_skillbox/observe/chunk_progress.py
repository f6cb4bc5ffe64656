"""How far the inputs of one task run of a batch are: a progress artifact, and a line at the end."""

from __future__ import annotations

import threading
from collections import Counter

from prefect import get_run_logger

from prefect_skillbox.observe.artifacts import Home
from prefect_skillbox.observe.progress_bar import ProgressBar
from skillbox_core.base.progress import Progress
from skillbox_core.models import RunResult


class ChunkProgress:
    """How many of a task run's inputs have ended, and how.

    Args:
        skill, tenant: What runs.
        count: Inputs in all.
    """

    def __init__(self, skill: str, tenant: str, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._ends: Counter[str] = Counter()
        self._bar = ProgressBar(skill, tenant, Home.here(), kind="batch-progress")

    def ended(self, result: RunResult) -> None:
        """One more input has ended."""
        with self._lock:
            self._ends[result.status.value] += 1
            self._bar.show(progress(self._ends, self._count))

    def close(self) -> None:
        """The task run is over."""
        with self._lock:
            get_run_logger().info("[skillbox: %s]", progress(self._ends, self._count).text)


def progress(ends: Counter[str], count: int) -> Progress:
    """How far that is. Pure.

    Args:
        ends: How many inputs have ended, by status.
        count: Inputs in all.
    """
    ended = sum(ends.values())
    how = ", ".join(f"{number} {status}" for status, number in sorted(ends.items()))
    return Progress(100 * ended // count, f"{ended} of {count} inputs" + (f": {how}" if how else ""))
