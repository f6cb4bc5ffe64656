"""How often a skill was started, as its engine tells.

Of a container that was made for its run the engine's events tell it: it starts for that run. One that waited has
started long before, and says no execution; its supervisor's own word in its log does.

An engine remembers the last 256 events, of whomever, so that events are taken in as they come; and what comes may be on
its way yet, so that whoever asks is told from what the engine remembers too.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any

import docker
from docker.errors import APIError, NotFound

from skillbox_core.sandbox.container import LABEL_EXECUTION

REFUSED = "70"
"""How the supervisor ends when whoever brought the skill was gone before it was all there."""
_STARTED = re.compile(rb"(?:^|\n)\x1eskillbox ([0-9a-f]{32}) started\n")
_KEPT = 1024
"""Bytes of a log among which a word may have begun."""
_AN_HOUR = 3600


class Starts:
    """Counts as long as it is entered.

    Args:
        url: Of the engine.
        label: `name=value`; only containers that carry it count.
    """

    def __init__(self, url: str, label: str) -> None:
        self._client = docker.APIClient(url, version="auto", timeout=_AN_HOUR)
        self._wanted = {"event": ["start", "die"], "label": label}
        self._since = int(time.time()) - 1
        self._seen: dict[tuple[int, str, str], tuple[str, int]] = {}
        self._waited: dict[str, _Waited] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Starts:
        self._events = self._client.events(decode=True, filters=self._wanted)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        for found in self._client.containers(filters={"label": self._wanted["label"]}):
            if LABEL_EXECUTION not in found["Labels"]:
                self._listen_to(found["Id"])
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
        for waited in list(self._waited.values()):
            if execution_id := waited.execution_id():
                counted[execution_id] += 1
        return counted

    def _follow(self) -> None:
        for event in self._events:
            self._note(event)

    def _note(self, event: dict[str, Any]) -> None:
        attributes = event["Actor"]["Attributes"]
        if LABEL_EXECUTION not in attributes:
            if event["Action"] == "start":
                self._listen_to(event["Actor"]["ID"])
            return
        count = 1 if event["Action"] == "start" else -(attributes["exitCode"] == REFUSED)
        self._seen[event["timeNano"], event["Actor"]["ID"], event["Action"]] = attributes[LABEL_EXECUTION], count

    def _listen_to(self, container_id: str) -> None:
        with self._lock:
            if container_id not in self._waited:
                self._waited[container_id] = _Waited(self._client, container_id)


class _Waited:
    """A container that was made ahead of its job: whose skill it says that it has started."""

    def __init__(self, client: docker.APIClient, container_id: str) -> None:
        self._client, self._container_id = client, container_id
        self._said: str | None = None
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def execution_id(self) -> str | None:
        """The execution whose skill has started in it by now."""
        if self._said is None:
            try:
                # What it has said may be on its way to whoever listens.
                self._hear(self._client.logs(self._container_id, stdout=False, stderr=True))
            except NotFound:
                self._thread.join(30)
        return self._said

    def _listen(self) -> None:
        heard = b""
        try:
            for chunk in self._client.logs(self._container_id, stdout=False, stderr=True, stream=True, follow=True):
                heard = heard[-_KEPT:] + chunk
                if self._hear(heard):
                    return
        except APIError:
            return  # it is gone, and what it had said has been heard

    def _hear(self, text: bytes) -> bool:
        if found := _STARTED.search(text):
            self._said = found[1].decode()
        return found is not None
