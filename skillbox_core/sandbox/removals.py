"""Removals that outlive the call that asked for them: done by few threads, waited for at the end of the process.

Nobody needs a container whose skill has ended and whose record is closed, and removing one takes an engine as long as
a fifth of a run. There can't be many: each holds a place under admission until it is gone.
"""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

logger = logging.getLogger(__name__)

WORKERS = 4
"""Threads at most; an engine removes more than sixty containers a second with them."""
END_TIMEOUT = 10.0
"""Seconds for which the end of the process waits; what is not done by then is left to the reconciler."""

Job = Callable[[], object]


class Removals:
    """Jobs of one installation in one process. They start in their order; each ends by itself, in bounded time."""

    def __init__(self) -> None:
        self.forget()
        self._waits_at_end = False

    def forget(self) -> None:
        """Begins anew in a forked child, which has none of its parent's threads, and whose jobs are the parent's."""
        self._changed = threading.Condition()
        self._queue: deque[tuple[int, Job]] = deque()
        self._pending: set[int] = set()
        self._workers = 0
        self._last = 0

    def submit(self, job: Job) -> None:
        """Has a job done by a thread; by this one where no other can be had, or none would be waited for."""
        if _ends_unasked():
            self._do(job)
            return
        with self._changed:
            if not self._waits_at_end:
                # At the first one, for handlers are called in reverse: those of what a job gives back come later.
                self._waits_at_end = True
                atexit.register(self._end)
            self._last += 1
            self._pending.add(self._last)
            self._queue.append((self._last, job))
            taken = self._workers >= WORKERS or self._started()
        if not taken:
            self._work()

    def settle(self, timeout: float | None = None) -> bool:
        """Waits for what was submitted until now.

        Args:
            timeout: Seconds; None for as long as it takes.

        Returns:
            Whether all of it is done.
        """
        with self._changed:
            asked = set(self._pending)
            return self._changed.wait_for(lambda: asked.isdisjoint(self._pending), timeout)

    def _started(self) -> bool:
        # A daemon, since the end of the process waits for it by a limit of its own.
        thread = threading.Thread(target=self._work_and_leave, name="skillbox-removal", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is on its way out, or the system has no thread to give
            return self._workers > 0
        self._workers += 1
        return True

    def _work_and_leave(self) -> None:
        while True:
            self._work()
            with self._changed:
                # Whoever submits counts the workers under the same lock: none is counted that has found nothing to do.
                if not self._queue:
                    self._workers -= 1
                    return

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._queue:
                    return
                number, job = self._queue.popleft()
            try:
                self._do(job)
            finally:
                with self._changed:
                    self._pending.discard(number)
                    self._changed.notify_all()

    def _do(self, job: Job) -> None:
        try:
            job()
        except Exception:
            logger.exception("a removal broke off")

    def _end(self) -> None:
        began = time.monotonic()
        try:
            if self.settle(END_TIMEOUT):
                return
            logger.warning("%.0f s were not enough to remove the last containers", time.monotonic() - began)
        except KeyboardInterrupt:
            logger.warning("interrupted while the last containers were being removed")
        with self._changed:
            self._queue.clear()


def _ends_unasked() -> bool:
    """Whether this is a child of multiprocessing's: it passes over `atexit`, and a pool kills its own at their work."""
    parent_process = getattr(sys.modules.get("multiprocessing"), "parent_process", lambda: None)
    return parent_process() is not None
