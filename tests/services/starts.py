"""How often the engine started a skill, as its events tell.

An engine remembers the last 256 events, of whomever, so that events are taken in as they come; and what comes may be on
its way yet, so that whoever asks is told from what the engine remembers too.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any

import docker

from skillbox_core.sandbox.container import LABEL_EXECUTION

REFUSED = "70"
"""How the supervisor ends when whoever brought the skill was gone before it was all there."""


class Starts:
    """Counts as long as it is entered.

    Args:
        url: Of the engine.
        label: `name=value`; only containers that carry it count.
    """

    def __init__(self, url: str, label: str) -> None:
        self._client = docker.APIClient(url, version="auto")
        self._wanted = {"event": ["start", "die"], "label": label}
        self._since = int(time.time()) - 1
        self._seen: dict[tuple[int, str, str], tuple[str, int]] = {}

    def __enter__(self) -> Starts:
        self._events = self._client.events(decode=True, filters=self._wanted)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._events.close()
        self._thread.join(10)

    def by_execution(self) -> Counter[str]:
        """The starts up to now, but for those of sandboxes that took no skill in."""
        until = f"{time.time():.9f}"
        for event in self._client.events(since=self._since, until=until, decode=True, filters=self._wanted):
            self._note(event)
        counted: Counter[str] = Counter()
        for execution_id, count in list(self._seen.values()):
            counted[execution_id] += count
        return counted

    def _follow(self) -> None:
        for event in self._events:
            self._note(event)

    def _note(self, event: dict[str, Any]) -> None:
        attributes = event["Actor"]["Attributes"]
        count = 1 if event["Action"] == "start" else -(attributes["exitCode"] == REFUSED)
        self._seen[event["timeNano"], event["Actor"]["ID"], event["Action"]] = (
            attributes.get(LABEL_EXECUTION, ""),
            count,
        )
