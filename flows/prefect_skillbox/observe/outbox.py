"""Artifacts and events on their way to the server, sent by a thread of their own, so that no run waits or fails."""

from __future__ import annotations

import logging
import threading
import time
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.util import Finalize
from typing import Protocol

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL

logger = logging.getLogger(__name__)

MAX_WAITING = 1_000
MAX_SLOW = 8
"""Of those that are computed: in a large batch some are shown, and no run of it waits for the processor."""
REQUEST_TIMEOUT = 10.0
LINGER = 2.0
"""Seconds that an idle thread keeps its connection."""
LAST_CHANCE = 5.0
"""Seconds that the end of the process waits for the next item to be sent."""
LAST_CHANCE_IN_ALL = 30.0
"""Seconds that the end of the process waits at most, where a slow server takes one item after the other."""


class Item(Protocol):
    """Something to be sent, perhaps more than once.

    Attributes:
        every: Seconds to let pass between two times it is sent. When it becomes 0 the item is sent a last time,
            at once.
    """

    @property
    def every(self) -> float: ...

    def send(self, client: SyncPrefectClient) -> None:
        """Sends what it is now."""
        ...


@dataclass(frozen=True)
class _Waiting:
    since: float
    due: float
    context: Context
    """That of the run, so that Prefect relates what is sent to it."""


class Outbox:
    """Items that wait to be sent to one server. An item that waits already is not added again.

    Args:
        most: Items that may wait. One more is dropped.
        level: Of the log's line that says so.
    """

    def __init__(self, most: int = MAX_WAITING, level: int = logging.WARNING) -> None:
        self._most = most
        self._level = level
        self._changed = threading.Condition()
        self._waiting: dict[Item, _Waiting] = {}
        self._sent_at: dict[Item, float] = {}
        self._busy = False
        self._done = 0
        self._hurry = False
        self._thread: threading.Thread | None = None

    def post(self, item: Item) -> None:
        """Has an item sent as soon as its turn comes. Returns at once."""
        now = time.monotonic()
        with self._changed:
            if item not in self._waiting and len(self._waiting) >= self._most:
                logger.log(self._level, "%d artifacts wait for the server already; one more is dropped", self._most)
                return
            waiting = self._waiting.get(item) or _Waiting(now, now, copy_context())
            due = self._sent_at[item] + item.every if item in self._sent_at else now
            self._waiting[item] = replace(waiting, due=due)
            if self._thread is None or not self._thread.is_alive():
                self._busy = False
                self._thread = threading.Thread(
                    target=self._run, args=(waiting.context.copy(),), name="skillbox-outbox", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def flush(self, timeout: float, in_all: float | None = None) -> bool:
        """Waits until all is sent, without the pauses between; says whether it is.

        Args:
            timeout: Seconds to wait for each item.
            in_all: Seconds to wait for all of them; by default `timeout`.
        """
        give_up = time.monotonic() + (timeout if in_all is None else in_all)
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            try:
                while self._waiting or self._busy:
                    patience = min(timeout, give_up - time.monotonic())
                    if not self._changed.wait_for(partial(self._is_past, self._done), patience):
                        break
                return not self._waiting and not self._busy
            finally:
                self._hurry = False

    def _is_past(self, done: int) -> bool:
        return self._done > done

    def _run(self, context: Context) -> None:
        try:
            # With settings of its own the client is a new one; the run's is closed when the run ends.
            with context.run(get_client, httpx_settings={"timeout": REQUEST_TIMEOUT}, sync_client=True) as client:
                while found := self._next():
                    item, waiting = found
                    try:
                        waiting.context.run(item.send, client)
                    except Exception as error:
                        logger.warning("an artifact could not be made: %s", error)
        except Exception as error:
            logger.warning("artifacts can't be sent: %s", error)
            with self._changed:
                self._waiting.clear()
                self._rest()

    def _next(self) -> tuple[Item, _Waiting] | None:
        """The next item whose time has come; None when nothing came for a while."""
        with self._changed:
            self._busy = False
            self._done += 1
            self._changed.notify_all()
            idle_until = time.monotonic() + LINGER
            while True:
                now = time.monotonic()
                if self._waiting:
                    item, waiting = min(self._waiting.items(), key=lambda pair: (pair[1].due, pair[1].since))
                    if self._hurry or waiting.due <= now:
                        del self._waiting[item]
                        self._busy = True
                        if item.every:
                            self._sent_at[item] = now
                        else:
                            self._sent_at.pop(item, None)
                        return item, waiting
                    self._changed.wait(waiting.due - now)
                elif now < idle_until:
                    self._changed.wait(idle_until - now)
                else:
                    self._sent_at.clear()
                    self._rest()
                    return None

    def _rest(self) -> None:
        self._thread = None
        self._busy = False
        self._done += 1
        self._changed.notify_all()


_outboxes: dict[tuple[str | None, bool], Outbox] = {}


def post(item: Item, *, slow: bool = False) -> None:
    """Has an item sent to the server that the current settings name. Returns at once and never raises.

    Args:
        slow: It is computed where it is sent, so it waits behind its like only, and there may be few of them.
    """
    try:
        box = (PREFECT_API_URL.value(), slow)
        if box not in _outboxes:
            _outboxes.setdefault(box, Outbox(MAX_SLOW, logging.DEBUG) if slow else Outbox())
        _outboxes[box].post(item)
    except Exception as error:
        logger.warning("an artifact could not be made: %s", error)


def flush(timeout: float = LAST_CHANCE, in_all: float = LAST_CHANCE_IN_ALL) -> None:
    """Waits for all that is to be sent, as `Outbox.flush` does."""
    give_up = time.monotonic() + in_all
    # What is computed is followed by an event, which goes with all others: so that box comes last.
    for slow in (True, False):
        for (_, kind), box in list(_outboxes.items()):
            if kind is slow and not box.flush(timeout, max(give_up - time.monotonic(), 0)):
                logger.warning("some artifacts were not sent before the end of the process")


# Unlike atexit's functions, this one also runs at the end of a process pool's worker.
Finalize(None, flush, exitpriority=100)
