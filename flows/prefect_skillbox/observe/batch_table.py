"""The table of a batch, mapped or not: one row for each of its inputs, filled in as they end.

It is kept beside the flow, by callbacks on the futures, so it adds nothing to the flow's graph and costs its
workers a lock; the rows are made and sent by the outbox's thread.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.futures import PrefectDistributedFuture, PrefectFuture

from prefect_skillbox.observe import outbox
from prefect_skillbox.observe.artifacts import Artifact, Home, artifact_key, change, code
from skillbox_core.models import BatchFailedError, ExecutionError, RunResult

logger = logging.getLogger(__name__)

FETCH = 10.0
"""Seconds for the result of a run that has ended."""
MAX_ROWS = 1_000
MAX_ERROR = 300

Row = dict[str, Any]


class BatchTable:
    """The table artifact of one batch (`outbox.Item`).

    Args:
        name: Of the task.
        size: Inputs in all; None where they are still being read.
    """

    def __init__(self, name: str, size: int | None, home: Home) -> None:
        self._name = name
        self._size = size
        self._home = home
        self._lock = threading.Lock()
        self._read = 0
        self._told = 0
        self._ended: list[Callable[[], list[Row]]] = []
        self._rows: dict[int, Row] = {}
        self._counts: Counter[str] = Counter()
        self._artifact: UUID | None = None

    @classmethod
    def begin(cls, name: str) -> BatchTable | None:
        """The table of a batch whose inputs are about to be read; None outside a flow run. Never raises."""
        try:
            home = Home.here()
            return cls(name, None, home) if home.flow_run is not None else None
        except Exception as error:
            logger.warning("the table of a batch could not be made: %s", error)
            return None

    @property
    def every(self) -> float:
        """Every few seconds, and when all have ended."""
        return 0 if self._size is not None and self._told >= self._size else 5

    def expect(self, count: int) -> None:
        """So many more inputs were read."""
        with self._lock:
            self._read += count

    def complete(self) -> None:
        """All inputs were read, or none of those that are left will be."""
        with self._lock:
            self._size = self._read
            told = self._told
        if told:
            outbox.post(self)

    def add(self, first: int, count: int | None, ended: PrefectFuture[Any] | State[Any]) -> None:
        """Inputs have ended.

        Args:
            first: Index of the first of them.
            count: How many; None for one whose result is that of a run, not a list of results.
        """
        make = (lambda: [row(first, ended)]) if count is None else (lambda: part_rows(first, count, ended))
        with self._lock:
            self._ended.append(make)
            self._told += count or 1
        outbox.post(self)

    def send(self, client: SyncPrefectClient) -> None:
        """Creates the table, then fills it in."""
        with self._lock:
            ended, self._ended = self._ended, []
        for make in ended:
            for one in make():
                self._counts[one["status"]] += 1
                self._rows[one["input"]] = one
        for index in sorted(self._rows)[MAX_ROWS:]:
            del self._rows[index]
        table = [self._rows[index] for index in sorted(self._rows)]
        if self._artifact is None:
            created = Artifact("table", artifact_key("batch", self._name), table, self._description(), self._home)
            self._artifact = created.create(client)
        else:
            change(client, self._artifact, {"data": table, "description": self._description()})

    def _description(self) -> str:
        counted = self._counts.total()
        ended = ", ".join(f"{count} {status}" for status, count in sorted(self._counts.items()))
        cut = f"; the first {MAX_ROWS} are shown" if counted > MAX_ROWS else ""
        size = f"{self._read} inputs so far" if self._size is None else f"{self._size} inputs"
        return f"{code(self._name)} over {size}: {counted} ended ({ended}){cut}"


def watch(name: str, futures: Iterable[Any]) -> None:
    """Keeps a table of the futures or states that mapping a skill gave. Never raises, and never waits."""
    try:
        home, items = Home.here(), list(futures)
        if home.flow_run is None or not items:
            return
        table = BatchTable(name, len(items), home)
        for index, item in enumerate(items):
            if isinstance(item, State):
                table.add(index, None, item)
            elif not isinstance(item, PrefectDistributedFuture):
                # One that runs elsewhere would ask the server for each; it has no result here either.
                item.add_done_callback(lambda future, index=index: table.add(index, None, future))
    except Exception as error:
        logger.warning("the table of a batch could not be made: %s", error)


def row(index: int, ended: PrefectFuture[Any] | State[Any]) -> Row:
    """One row: of what ran, as far as it can be known."""
    return _row(index, *_found(ended))


def part_rows(first: int, count: int, ended: PrefectFuture[Any] | State[Any]) -> list[Row]:
    """The rows of a task run that was for several inputs."""
    found, name = _found(ended)
    results = found.results if isinstance(found, BatchFailedError) else found
    if not isinstance(results, (list, tuple)) or len(results) != count:
        results = [found] * count
    return [_row(index, result, name) for index, result in enumerate(results, first)]


def _found(ended: PrefectFuture[Any] | State[Any]) -> tuple[Any, str]:
    """What a run gave, or its error, and what its end is called."""
    try:
        if isinstance(ended, PrefectFuture):
            # It is done, but what it gave may have to be fetched from another process or machine yet.
            ended.wait(FETCH)
        state = ended if isinstance(ended, State) else ended.state
        found = state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
        return found, str(state.name).lower()
    except Exception as error:
        return error, "unknown"


def _row(index: int, found: Any, name: str) -> Row:
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
