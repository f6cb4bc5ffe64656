"""What the Prefect server has seen of a run. It learns some of it later, so whoever asks says what to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact, Log, State
from prefect.client.schemas.sorting import LogSort
from prefect.events import Event
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter

T = TypeVar("T")


def eventually(look: Callable[[], T], enough: Callable[[T], object], seconds: float = 30) -> T:
    """Looks until there is enough, or the time is over; gives what was seen last."""
    give_up = time.monotonic() + seconds
    while not enough(found := look()) and time.monotonic() < give_up:
        time.sleep(0.2)
    return found


def run_id(state: State[Any]) -> UUID:
    """The flow run of a state."""
    found = state.state_details.flow_run_id
    assert found is not None
    return found


def artifacts(run: UUID, enough: Callable[[dict[str, Artifact]], object]) -> dict[str, Artifact]:
    """The artifacts of a flow run by key, the newest of each."""

    def look(client: SyncPrefectClient) -> dict[str, Artifact]:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run])), limit=200
        )
        return {one.key: one for one in sorted(found, key=lambda one: str(one.created)) if one.key}

    with get_client(sync_client=True) as client:
        return eventually(lambda: look(client), enough)


def logs(run: UUID, enough: Callable[[list[Log]], object]) -> list[Log]:
    """The log of a flow run, oldest first."""

    def look(client: SyncPrefectClient) -> list[Log]:
        found: list[Log] = []
        while len(found) % 200 == 0:
            page = client.read_logs(
                LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])),
                limit=200,
                offset=len(found),
                sort=LogSort.TIMESTAMP_ASC,
            )
            found += page
            if not page:
                break
        return found

    with get_client(sync_client=True) as client:
        return eventually(lambda: look(client), enough)


def events(
    enough: Callable[[list[Event]], object],
    *,
    prefix: str = "skillbox.",
    resource: str | None = None,
    seconds: float = 30,
) -> list[Event]:
    """Events, oldest first."""

    def look(client: SyncPrefectClient) -> list[Event]:
        # A filter ends at the time when it is made, so each look has one of its own.
        wanted = EventFilter(
            event=EventNameFilter(prefix=[prefix]),
            resource=EventResourceFilter(id=[resource]) if resource else None,
        )
        return list(reversed(client.read_events(wanted, limit=50).events))

    with get_client(sync_client=True) as client:
        return eventually(lambda: look(client), enough, seconds)
