"""What is done behind a result: containers of runs that are over are removed, and those that wait are made.

Few threads do it. Nobody needs a container whose skill has ended and whose record is closed, and removing one takes an
engine as long as a fifth of a run. There can't be many: each holds a place under admission until it is gone. A removal
is owed, so the end of the process waits for it; a container that is made ahead is not.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from weakref import WeakSet

logger = logging.getLogger(__name__)

WORKERS = 4
"""Threads that remove containers at most; an engine removes more than sixty a second with them."""
END_TIMEOUT = 10.0
"""Seconds for which the end of the process waits; what is not done by then is left to the reconciler."""
END_SILENCE = 2.0
"""Seconds of them after which it is said what is waited for."""
FORK_TIMEOUT = 1.0
"""Seconds for which a fork waits for these jobs, whose threads may hold a lock that the child could never take."""

Job = Callable[[], object]


class Removals:
    """Jobs of one installation in one process. They start in their order; each ends by itself, in bounded time."""

    def __init__(self) -> None:
        self._forget()
        self._waits_at_end = False
        with _changed:
            _known.add(self)

    def _forget(self) -> None:
        self._queue: deque[tuple[int, Job]] = deque()
        self._pending: dict[int, bool] = {}
        """Whether each is owed."""
        self._workers = 0

    def submit(self, job: Job, *, owed: bool = True) -> None:
        """Has a job done by a thread; by this one where no other can be had, or none would be waited for.

        Args:
            owed: The end of the process waits for it. What is not owed is given `END_SILENCE` then, if it has begun or
                is the next one; any other is dropped.
        """
        if owed and _ends_unasked():
            self._do(job)
            return
        with _changed:
            if not self._waits_at_end:
                # Handlers are called in reverse: those of what a job gives back come later, also where another
                # installation had its first one before they were there.
                self._waits_at_end = True
                atexit.unregister(_end)
                atexit.register(_end)
            number = next(_numbers)
            self._pending[number] = owed
            self._queue.append((number, job))
            taken = self._workers >= WORKERS or self._started()
        if not taken:
            self._work()

    def _started(self) -> bool:
        # A daemon, since the end of the process waits for it by a limit of its own.
        thread = threading.Thread(target=self._work_and_leave, name="skillbox-after-run", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is on its way out, or the system has no thread to give
            return self._workers > 0
        self._workers += 1
        return True

    def _work_and_leave(self) -> None:
        while True:
            self._work()
            with _changed:
                # Whoever submits counts the workers under the same lock: none is counted that has found nothing to do.
                if not self._queue:
                    self._workers -= 1
                    return

    def _work(self) -> None:
        while True:
            with _changed:
                if not self._queue:
                    return
                number, job = self._queue.popleft()
            try:
                self._do(job)
            finally:
                with _changed:
                    self._pending.pop(number, None)
                    _changed.notify_all()

    def _do(self, job: Job) -> None:
        try:
            job()
        except Exception:
            logger.exception("what is done after a run broke off")


_changed = threading.Condition()
_known: WeakSet[Removals] = WeakSet()
_numbers = count()


def wait_for_removals(timeout: float | None = None) -> bool:
    """Waits for the containers of runs that are over: a run's result comes before its container is removed.

    Whichever runner or flow of this process the runs were of; what is over later is not waited for.

    Args:
        timeout: Seconds for all of them; None for as long as it takes, which is bounded by the engine's limits.

    Returns:
        Whether each is gone, or was left to the reconciler with a warning.
    """
    with _changed:
        asked = _pending()
        return _changed.wait_for(lambda: asked.isdisjoint(_pending()), timeout)


def _pending(*, owed: bool = False) -> set[int]:
    """The jobs that are not done; only those that are owed, if asked for."""
    return {number for removals in _known for number, is_owed in removals._pending.items() if is_owed or not owed}


def _owed_are_done(timeout: float) -> bool:
    with _changed:
        return _changed.wait_for(lambda: not _pending(owed=True), timeout)


def _drop_unowed(keep: int) -> None:
    """Drops what is not owed and has not begun, but for the first `keep`: those are done behind all that is owed."""
    with _changed:
        queues = {
            number: (removals, (number, job))
            for removals in _known
            for number, job in removals._queue
            if not removals._pending[number]
        }
        numbers = sorted(queues)
        for number, (removals, entry) in queues.items():
            removals._queue.remove(entry)
            if number in numbers[:keep]:
                removals._queue.append(entry)
            else:
                del removals._pending[number]
    if dropped := len(numbers[keep:]):
        logger.info("the process ends: of what was to be made ahead, %d are not begun", dropped)


def _ends_unasked() -> bool:
    """Whether this is a child of multiprocessing's: it passes over `atexit`, and a pool kills its own at their work."""
    parent_process = getattr(sys.modules.get("multiprocessing"), "parent_process", lambda: None)
    return parent_process() is not None


def _end() -> None:
    # A process of one run would leave no container for the next one, did it not make that which its run has asked for.
    _drop_unowed(keep=1)
    try:
        # What is not owed has this moment to be finished in, and no more.
        all_is_done = wait_for_removals(min(END_SILENCE, END_TIMEOUT))
        _drop_unowed(keep=0)
        if all_is_done or _owed_are_done(0):
            return
        logger.warning("waiting until the containers of runs that are over are removed; Ctrl-C leaves them to cleanup")
        if _owed_are_done(max(END_TIMEOUT - END_SILENCE, 0)):
            return
    except KeyboardInterrupt:
        pass
    with _changed:
        left = len(_pending(owed=True))
        for removals in _known:
            removals._queue.clear()
    what, them, their = ("1 container is", "it", "its") if left == 1 else (f"{left} containers are", "them", "their")
    logger.warning(
        "%s not removed yet: `skillbox cleanup` removes %s, from half a minute after %s run", what, them, their
    )


def _in_forked_child() -> None:
    """Begins anew: the child has none of its parent's threads, and what its parent removes is its parent's."""
    global _changed
    _changed = threading.Condition()
    for removals in _known:
        removals._forget()


os.register_at_fork(before=lambda: wait_for_removals(FORK_TIMEOUT), after_in_child=_in_forked_child)
