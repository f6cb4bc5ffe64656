"""One limit for each engine: so many executions in containers at once, over all workers of all machines.

It is a global concurrency limit of Prefect, to be seen and changed in its UI. A slot is leased from the server;
a process renews its leases, and those of a process that died expire. Prefect's own context manager asks with a
client, a thread and two events of its own for each use, which can take longer than a skill does. Here a process
has one client and one thread for all its slots, and a slot that one skill gives back serves the next.
"""

from __future__ import annotations

import atexit
import contextvars
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLeaseHolder
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from prefect_skillbox.execution.leases import ANSWER, LEASE, Leases, was_not_done
from skillbox_core.base.cancel import CancelToken
from skillbox_core.errors import InfrastructureError, RunCancelledError

logger = logging.getLogger(__name__)

RENEW = 20.0
"""Seconds after which a lease is renewed."""
IDLE = 3.0
"""Seconds for which a slot that was given back waits for this process's next skill."""
TURN = 30.0
"""Seconds after which a slot goes back to the server where none is left for others, who may be waiting."""
ASK_AGAIN = 2.0
"""Seconds between two questions for a slot, at most; Prefect would have a process wait up to 30."""
FIRST_PAUSE = 0.05
"""Seconds after which a server is asked again that was busy; twice as long each time, up to `LAST_PAUSE`."""
LAST_PAUSE = 0.4
MANNERS = 1.5 * ASK_AGAIN
"""Seconds for which a process that gave a slot back for others does not ask: each of them asks once meanwhile."""
AWAY = 120.0
"""Seconds for which a server that does not answer is waited for."""
TELL_AFTER = 2.0
"""Seconds of waiting after which the run's log says so."""
LINGER = 30.0
"""Seconds for which the connection to the server is kept when there is nothing to do."""
_SLICE = 0.25

_LOCKED = 423
_TOO_MANY = 429
_BELOW_ONE = 422
"""Prefect's answer when the limit itself is 0: an administrator has stopped the engine."""


def _awake_or_not() -> float:
    """Seconds on a clock that goes on while the machine sleeps, as the server's does."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Slot:
    """A leased slot. `warn` is called when it is lost while a skill runs on it; None while nobody uses it.

    Args:
        renewed: When the lease was asked for, of which the server may reckon from any later moment.
    """

    def __init__(self, lease_id: UUID, renewed: float) -> None:
        self.lease_id = lease_id
        self.renewed = renewed
        self.since = self.idle_since = time.monotonic()
        self.renew_at = self.since + RENEW
        self.warn: Callable[[str], Any] | None = None
        self.leaves_at = math.inf
        """When the server is asked (again) to free it; once that is fixed, nobody takes it over any more."""

    def idle(self) -> bool:
        """Whether nobody uses it, and it is not on its way back to the server."""
        return self.warn is None and not self.leaving()

    def leaving(self) -> bool:
        """Whether it is on its way back to the server."""
        return self.leaves_at < math.inf

    def usable(self, now: float) -> bool:
        """Whether another skill may take it over."""
        return self.idle() and now - self.since < TURN

    def expired(self) -> bool:
        """Whether the server has freed it by itself, and given it to others since."""
        return _awake_or_not() - self.renewed > LEASE


class EngineLimit:
    """This process's share of one limit.

    Args:
        name: Of the limit. It is made when it is missing; one that is there is never changed.
        default: The value with which it is made.
    """

    def __init__(self, name: str, default: int) -> None:
        self.name = name
        self._default = default
        self._slots: set[Slot] = set()
        self._waiting: list[ConcurrencyLeaseHolder | None] = []
        self._changed = threading.Condition()
        self._keeper: threading.Thread | None = None
        self._ask_at = 0.0
        self._pause = FIRST_PAUSE
        self._answered = 0.0
        self._trouble = "it is silent"
        self._closing = False
        self._process = os.getpid()

    def acquire(self, cancel: CancelToken | None, holder: ConcurrencyLeaseHolder | None, run_logger: Any) -> Slot:
        """Waits for a slot.

        Args:
            holder: Shown as its holder in Prefect.
            run_logger: Told when there is none at once, and when one that is in use is lost.

        Raises:
            RunCancelledError: The token was tripped first.
            InfrastructureError: Prefect's server did not answer for `AWAY` seconds.
        """
        began, told = time.monotonic(), False
        with self._changed:
            # Most skills of a batch find one that another gave back: nobody else has to wake up for that.
            if not self._waiting and (slot := self._taken_over(run_logger)):
                return slot
            self._waiting.append(holder)
            self._changed.notify_all()
            try:
                while True:
                    if slot := self._taken_over(run_logger):
                        return slot
                    now = time.monotonic()
                    if cancel and cancel.cancelled:
                        raise RunCancelledError("cancelled by the caller while it waited for a place on the engine")
                    if now - max(began, self._answered) > AWAY:
                        raise InfrastructureError(
                            f"Prefect's server could not be asked for {self.name} for {AWAY:g} s: {self._trouble}",
                            hint="is PREFECT_API_URL right, and the server well?",
                        )
                    if not told and now - began > TELL_AFTER:
                        run_logger.info("waiting for a slot of the concurrency limit %s", self.name)
                        told = True
                    self._keep()
                    self._changed.wait(_SLICE)
            finally:
                self._waiting.remove(holder)

    def _taken_over(self, run_logger: Any) -> Slot | None:
        now = time.monotonic()
        if slot := next((slot for slot in self._slots if slot.usable(now)), None):
            slot.warn = run_logger.warning
        return slot

    def release(self, slot: Slot) -> None:
        """Gives a slot back: to the next skill that waits here, or in a moment to the server."""
        with self._changed:
            slot.warn, slot.idle_since = None, time.monotonic()
            if self._waiting:
                self._changed.notify_all()

    def close(self) -> None:
        """Gives all slots back that nobody uses; for the end of the process."""
        if os.getpid() != self._process:
            return  # a forked child has the lock in any state, and none of the slots
        with self._changed:
            self._closing, keeper = True, self._keeper
            self._changed.notify_all()
        if keeper:
            keeper.join(5)

    def _keep(self) -> None:
        """Sees that the one thread is there that talks to the server."""
        if self._keeper is None:
            # It sees the settings of whoever asks, such as the server's address.
            context = contextvars.copy_context()
            keeper = threading.Thread(target=context.run, args=(self._run,), name=self.name, daemon=True)
            keeper.start()
            self._keeper = keeper

    def _run(self) -> None:
        try:
            with (
                # The client asks by itself for the token against forged requests, and would repeat that for minutes.
                temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
                # Settings of its own, or it would be given the client of a flow run, which is closed with it.
                get_client(httpx_settings={"timeout": ANSWER}, sync_client=True) as client,
            ):
                leases = Leases(client, self.name, self._default)
                while deed := self._next():
                    try:
                        deed(leases)
                    except Exception as error:  # an answer that is none of Prefect's, of a proxy for instance
                        logger.warning("the limit %s: %s: %s", self.name, type(error).__name__, error)
                        self._trouble = str(error)
        except Exception as error:
            logger.warning("the limit %s can't be kept: %s", self.name, error)
            self._trouble = str(error)
        finally:
            with self._changed:
                self._keeper = None

    def _next(self) -> Callable[[Leases], None] | None:
        """Waits until there is something to do; None when there has been nothing to keep for a while.

        Renewals come first, since skills run on them, then whoever waits, and last what nobody waits for.
        """
        with self._changed:
            busy = time.monotonic()
            while True:
                now = time.monotonic()
                kept = [slot for slot in self._slots if not slot.leaving()]
                if (due := min(kept, key=lambda slot: slot.renew_at, default=None)) and now >= due.renew_at:
                    return partial(self._renew, due)
                spare = sum(slot.idle() for slot in kept)
                if len(self._waiting) > spare and now >= self._ask_at:
                    return partial(self._ask, self._waiting[spare])
                for slot in kept:
                    if slot.warn is None and (self._closing or now - slot.idle_since >= IDLE):
                        slot.leaves_at = now
                    elif slot.idle() and not slot.usable(now):
                        slot.leaves_at = now
                        return partial(self._end_turn, slot)
                next_one = min(self._slots, key=lambda slot: slot.leaves_at, default=None)
                if next_one and now >= next_one.leaves_at:
                    return partial(self._return, next_one)
                busy = now if self._slots or self._waiting else busy
                if (self._closing and not (next_one and next_one.leaving())) or now - busy > LINGER:
                    return None
                self._changed.wait(_SLICE)

    def _ask(self, holder: ConcurrencyLeaseHolder | None, leases: Leases) -> None:
        again = self._pause = min(self._pause * 2, LAST_PAUSE)
        asked = _awake_or_not()
        try:
            if lease_id := leases.take(holder):
                with self._changed:
                    self._slots.add(Slot(lease_id, asked))
                    self._changed.notify_all()
            again = 0.0
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in (_LOCKED, _BELOW_ONE, _TOO_MANY):
                self._trouble = str(error)
                return
            again = _seconds_asked_for(error.response.headers.get("Retry-After", ""))
        except httpx.HTTPError as error:
            self._trouble = str(error) or type(error).__name__
            return
        finally:
            self._ask_at = time.monotonic() + again
        self._answered, self._pause = time.monotonic(), FIRST_PAUSE

    def _renew(self, slot: Slot, leases: Leases) -> None:
        asked, again = _awake_or_not(), ASK_AGAIN
        try:
            if known := leases.renew(slot.lease_id):
                slot.renewed, again = asked, RENEW
            why = "the server does not know its lease"
        except httpx.HTTPError as error:
            known, why = True, str(error) or type(error).__name__
        finally:
            slot.renew_at = time.monotonic() + again
        if known and not slot.expired():
            return
        with self._changed:
            slot.leaves_at = time.monotonic()
            warn = slot.warn
        if warn:
            warn(
                f"the slot of the concurrency limit {self.name} was lost ({why}); the skill runs on, and the limit "
                "may be exceeded meanwhile"
            )

    def _end_turn(self, slot: Slot, leases: Leases) -> None:
        try:
            others_may_wait = leases.all_taken()
        except Exception as error:
            logger.info("a slot of %s is kept: %s", self.name, error)
            others_may_wait = False  # it could not be given back either
        if others_may_wait:
            self._return(slot, leases)
            self._ask_at = time.monotonic() + MANNERS
            return
        with self._changed:
            slot.leaves_at = math.inf
            slot.since = slot.idle_since = time.monotonic()
            self._changed.notify_all()

    def _return(self, slot: Slot, leases: Leases) -> None:
        """Has the server free a slot; what it refuses is asked for again until the lease has expired."""
        may_be_done = False
        try:
            if slot.expired():
                logger.info("a slot of %s was not given back in time, and has expired", self.name)
            elif leases.renew(slot.lease_id, close=True):
                may_be_done = True
                leases.give_back(slot.lease_id)
            elif not slot.expired():
                # A server that was started anew may have forgotten its leases, but not that their slots are taken.
                may_be_done = True
                leases.free(time.monotonic() - slot.since)
        except httpx.HTTPError as error:
            # The second time it could be somebody else's. What is not given back expires, if it has a lease.
            again = not may_be_done or was_not_done(error)
            logger.info("a slot of %s could not be given back%s: %s", self.name, ", yet" if again else "", error)
            if again:
                return
        finally:
            slot.leaves_at = time.monotonic() + LAST_PAUSE
        with self._changed:
            self._slots.discard(slot)


_limits: dict[tuple[int, str], EngineLimit] = {}


def _seconds_asked_for(text: str) -> float:
    """A `Retry-After`, within this module's patience; it may be a date, or nothing."""
    try:
        return min(max(float(text), FIRST_PAUSE), ASK_AGAIN)
    except ValueError:
        return ASK_AGAIN


def limit_for(name: str, default: int) -> EngineLimit:
    """This process's share of a limit; one for all its threads."""
    # A forked child has none of its parent's threads.
    key = os.getpid(), name
    return _limits.get(key) or _limits.setdefault(key, EngineLimit(name, default))


def _close_all() -> None:
    for limit in list(_limits.values()):
        limit.close()


# Now, and not with the first limit: what is registered later is called before, such as the waiting for removals, whose
# slots can be given back then.
atexit.register(_close_all)
