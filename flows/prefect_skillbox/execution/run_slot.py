"""A run's place on its engine: one slot of the engine's limit, from before its container is made until it is gone."""

from __future__ import annotations

import threading
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.objects import ConcurrencyLeaseHolder

from prefect_skillbox.execution.engine_limit import EngineLimit, Slot, limit_for
from prefect_skillbox.observe.marked_log import RunLogger
from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.retry import repeated
from skillbox_core.installation import Installation


class Place:
    """A run's slot on its engine.

    Args:
        cancel: Tripped, it ends the waiting.
        owner: Id of the flow run that is shown as the slot's holder.
        log: Told of long waits, and of a slot that was lost; by default the run's own log.
    """

    def __init__(
        self, installation: Installation, cancel: CancelToken, owner: str | None, log: RunLogger | None = None
    ) -> None:
        self._installation = installation
        self._cancel = cancel
        self._logger = log or get_run_logger()
        self._holder = ConcurrencyLeaseHolder(type="flow_run", id=UUID(owner)) if owner else None
        self._limit: EngineLimit | None = None
        self._slot: Slot | None = None
        self._lock = threading.Lock()

    def take(self) -> None:
        """Waits for the slot; see `EngineLimit.acquire`."""
        name = f"skillbox-{repeated(lambda: self._installation.engine.name)}"
        self._limit = limit_for(name, self._installation.settings.max_engine_execs)
        self._slot = self._limit.acquire(self._cancel, self._holder, self._logger)

    def give_back(self) -> None:
        """Gives the slot back, if there is one. Who removed the container and a step that failed may both do it."""
        with self._lock:
            slot, self._slot = self._slot, None
        if self._limit and slot:
            self._limit.release(slot)
