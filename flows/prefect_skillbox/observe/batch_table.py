"""The table of a mapped batch: one row for each of its inputs, filled in as they end.

It is kept beside the flow, by callbacks on the futures, so it adds nothing to the flow's graph and costs its
workers a lock; the rows are made and sent by the outbox's thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.futures import PrefectDistributedFuture, PrefectFuture

from prefect_skillbox.observe import outbox
from prefect_skillbox.observe.artifacts import Artifact, Home, artifact_key, change, code
from skillbox_core.models import ExecutionError, RunResult

logger = logging.getLogger(__name__)

FETCH = 10.0
"""Seconds for the result of a run that has ended."""
MAX_ROWS = 1_000
MAX_ERROR = 300

Row = dict[str, Any]


class BatchTable:
    """The table artifact of one batch (`outbox.Item`)."""

    def __init__(self, name: str, size: int, home: Home) -> None:
        self._name = name
        self._size = size
        self._home = home
        self._lock = threading.Lock()
        self._ended: dict[int, PrefectFuture[Any] | State[Any]] = {}
        self._rows: dict[int, Row] = {}
        self._artifact: UUID | None = None

    @property
    def every(self) -> float:
        """Every few seconds, and when all have ended."""
        return 0 if len(self._ended) + len(self._rows) >= self._size else 5

    def add(self, index: int, ended: PrefectFuture[Any] | State[Any]) -> None:
        """The input at this index has ended."""
        with self._lock:
            self._ended[index] = ended
        outbox.post(self)

    def send(self, client: SyncPrefectClient) -> None:
        """Creates the table, then fills it in."""
        with self._lock:
            ended, self._ended = self._ended, {}
        for index, future in ended.items():
            self._rows[index] = row(index, future)
        table = [self._rows[index] for index in sorted(self._rows)][:MAX_ROWS]
        if self._artifact is None:
            created = Artifact("table", artifact_key("batch", self._name), table, self._description(), self._home)
            self._artifact = created.create(client)
        else:
            change(client, self._artifact, {"data": table, "description": self._description()})

    def _description(self) -> str:
        counts: dict[str, int] = {}
        for one in self._rows.values():
            counts[one["status"]] = counts.get(one["status"], 0) + 1
        ended = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        cut = f"; the first {MAX_ROWS} are shown" if len(self._rows) > MAX_ROWS else ""
        return f"{code(self._name)} over {self._size} inputs: {len(self._rows)} ended ({ended}){cut}"


def watch(name: str, futures: Iterable[Any]) -> None:
    """Keeps a table of the futures or states that mapping a skill gave. Never raises, and never waits."""
    try:
        home, items = Home.here(), list(futures)
        if home.flow_run is None or not items:
            return
        table = BatchTable(name, len(items), home)
        for index, item in enumerate(items):
            if isinstance(item, State):
                table.add(index, item)
            elif not isinstance(item, PrefectDistributedFuture):
                # One that runs elsewhere would ask the server for each; it has no result here either.
                item.add_done_callback(lambda future, index=index: table.add(index, future))
    except Exception as error:
        logger.warning("the table of a batch could not be made: %s", error)


def row(index: int, ended: PrefectFuture[Any] | State[Any]) -> Row:
    """One row: of what ran, as far as it can be known."""
    try:
        if isinstance(ended, PrefectFuture):
            # It is done, but what it gave may have to be fetched from another process or machine yet.
            ended.wait(FETCH)
        state = ended if isinstance(ended, State) else ended.state
        found = state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
        name = str(state.name).lower()
    except Exception as error:
        found, name = error, "unknown"
    result = found.result if isinstance(found, ExecutionError) else found
    if isinstance(result, RunResult):
        return _row_of(index, result)
    message = getattr(result, "message", None) or str(result) if isinstance(result, (Exception, State)) else ""
    return _cells(index, name, error=message or "")


def _row_of(index: int, result: RunResult) -> Row:
    return _cells(
        index,
        f"{result.status.value}: {result.reason.value}" if result.reason else result.status.value,
        seconds=round(result.duration_ms / 1000, 2),
        memory=result.usage.shown()["peak_memory"],
        files=len(result.files_list),
        execution=result.execution_id,
        error=result.error or "",
    )


def _cells(
    index: int,
    status: str,
    *,
    seconds: float | None = None,
    memory: str = "",
    files: int | None = None,
    execution: str = "",
    error: str = "",
) -> Row:
    return {
        "input": index,
        "status": status,
        "seconds": seconds,
        "peak memory": memory,
        "files": files,
        "execution": execution,
        "error": code(error[:MAX_ERROR]) if error else "",
    }
