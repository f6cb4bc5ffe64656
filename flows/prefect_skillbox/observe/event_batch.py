"""Events on their way to the server: those of a second in one request.

Prefect's own way wakes its thread, an event loop and the server for each event. For a batch of skills, whose events
come several at a time, that costs more than the events do. They are sent by the outbox's thread, as artifacts are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import Event, RelatedResource
from prefect.events.related import object_as_related_resource, tags_as_related_resources
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from prefect_skillbox.observe import outbox

logger = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two requests. The first event after a pause is sent at once."""
AT_ONCE = 100
"""Events in a request."""
MAX_WAITING = 5_000
MAX_RELATED = 100
"""Resources that an event may name."""
NOT_OF_EVENTS = frozenset({401, 403, 404, 405, 408, 429})
"""Answers that are about who asks, where or how often: each event by itself would get the same."""
_MAX_KNOWN = 100


@dataclass(frozen=True)
class Around:
    """The runs that an event happened in, which it is related to; as Prefect does, see `prefect.events.related`."""

    flow_run: FlowRun | None = None
    task_run: TaskRun | None = None

    @classmethod
    def here(cls) -> Around:
        """Those of the calling thread."""
        flow, task = FlowRunContext.get(), TaskRunContext.get()
        return cls(flow.flow_run if flow else None, task.task_run if task else None)


NOWHERE = Around()
"""Of events that name all their related resources themselves."""


_Said = tuple[str, str]
"""An event's name, and all of it as JSON."""
_Lost = tuple[str, Exception]
"""The name of an event that could not be sent, and why."""


class EventBatch:
    """The events for one server (`outbox.Item`)."""

    def __init__(self) -> None:
        self._urgent = False
        self._lock = threading.Lock()
        self._waiting: list[tuple[Event, Around]] = []
        self._known: dict[tuple[str, UUID | str], Any] = {}

    @property
    def every(self) -> float:
        """Seconds between two requests; 0 while something waits that has no time."""
        return 0 if self._urgent else EVERY

    def add(self, event: Event, around: Around, *, urgent: bool = False) -> bool:
        """Adds an event to those that are sent next; False if too many wait."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                return False
            self._waiting.append((event, around))
            self._urgent = self._urgent or urgent
            return True

    def send(self, client: SyncPrefectClient) -> None:
        """Sends all that wait. What the server does not take is lost."""
        with self._lock:
            waiting, self._waiting, self._urgent = self._waiting, [], False
        said, lost = self._said(client, waiting)
        for start in range(0, len(said), AT_ONCE):
            lost += _post(client, said[start : start + AT_ONCE])
        if lost:
            name, error = lost[0]
            logger.warning("%d events could not be sent, the first of them %s: %s", len(lost), name, error)

    def _said(
        self, client: SyncPrefectClient, waiting: Sequence[tuple[Event, Around]]
    ) -> tuple[list[_Said], list[_Lost]]:
        """Each event as JSON, and those that can't be said: one of them keeps none of the others."""
        said: list[_Said] = []
        lost: list[_Lost] = []
        for event, around in waiting:
            try:
                said.append((event.event, self._completed(client, event, around).model_dump_json()))
            except Exception as error:
                lost.append((event.event, error))
        return said, lost

    def _completed(self, client: SyncPrefectClient, event: Event, around: Around) -> Event:
        named = {resource.id for resource in event.involved_resources}
        more = [one for one in self._related(client, around) if one.id not in named]
        event.related += more[: max(MAX_RELATED - len(event.related), 0)]
        return event

    def _related(self, client: SyncPrefectClient, around: Around) -> list[RelatedResource]:
        run, task = around.flow_run, around.task_run
        if run is None and task is not None and task.flow_run_id is not None:
            # Some task runners' processes have the task run only.
            run = self._read("flow-run", client.read_flow_run, task.flow_run_id)
        if run is None:
            return []
        objects: list[tuple[str, Any]] = [("flow-run", run), *([("task-run", task)] if task is not None else [])]
        for kind, read, key in (
            ("flow", client.read_flow, run.flow_id),
            ("deployment", client.read_deployment, run.deployment_id),
            ("work-queue", client.read_work_queue, run.work_queue_id),
            ("work-pool", client.read_work_pool, run.work_pool_name),
        ):
            if key and (found := self._read(kind, read, key)) is not None:
                objects.append((kind, found))
        return related(objects)

    def _read(self, kind: str, read: Callable[[Any], Any], key: UUID | str) -> Any:
        if (kind, key) not in self._known:
            found = None
            try:
                found = read(key)
            except ObjectNotFound:
                pass  # deleted meanwhile
            except Exception as error:
                logger.info("an event does not name the %s %s: %s", kind, key, error)
                return None
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[kind, key] = found
        return self._known[kind, key]


def _post(client: SyncPrefectClient, said: Sequence[_Said]) -> list[_Lost]:
    """Sends events in one request; one by one where the server refuses them together. Those that it has not taken."""
    try:
        body = ",".join(document for _, document in said)
        json = {"Content-Type": "application/json"}
        client.request("POST", "/events", content=f"[{body}]", headers=json).raise_for_status()
    except httpx.HTTPStatusError as error:
        # The server takes all of a request or nothing: one event that it does not like would lose the others.
        code = error.response.status_code
        if len(said) > 1 and 400 <= code < 500 and code not in NOT_OF_EVENTS:
            return [lost for one in said for lost in _post(client, [one])]
        return [(name, error) for name, _ in said]
    except Exception as error:
        return [(name, error) for name, _ in said]
    return []


def related(objects: Sequence[tuple[str, Any]]) -> list[RelatedResource]:
    """Objects of Prefect as the related resources of an event, and their tags. Pure.

    Args:
        objects: Each behind its kind, which is its role as well.
    """
    tags = {tag for _, found in objects for tag in getattr(found, "tags", ())}
    resources = [object_as_related_resource(kind, kind, found) for kind, found in objects]
    return [*resources, *tags_as_related_resources(tags)]


_batches: dict[str | None, EventBatch] = {}


def tell(event: Event, around: Around = NOWHERE, *, urgent: bool = False) -> None:
    """Has an event sent to the server that the current settings name. Returns at once and never raises.

    Args:
        urgent: It is sent now, with all that wait: Prefect ends a process that was cancelled by a signal of its own.
    """
    try:
        server = PREFECT_API_URL.value()
        batch = _batches.get(server) or _batches.setdefault(server, EventBatch())
        if batch.add(event, around, urgent=urgent):
            outbox.post(batch)
        else:
            logger.warning("%d events wait for the server already; %s is dropped", MAX_WAITING, event.event)
    except Exception as error:
        logger.warning("the event %s could not be sent: %s", event.event, error)
