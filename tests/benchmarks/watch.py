"""Where the time of a run goes: calls of the product are wrapped from here, so that it needs no hooks for that."""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from skillbox_core.run.steps import Steps
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.streams import Attachment
from skillbox_core.storage.execution_writes import ExecutionStore

PARTS: Mapping[tuple[type, str], str] = {
    (Steps, "create_record"): "record",
    (Steps, "load_skill"): "load",
    (Steps, "create_container"): "prepare",
    (Engine, "create"): "create",
    (Engine, "inspect"): "create",
    (Engine, "attach"): "create",
    (Engine, "start"): "start",
    (Attachment, "write"): "deliver",
    (Steps, "wait"): "skill",
    (Steps, "collect_output"): "collect",
    (Steps, "upload_artifacts"): "store",
    (ExecutionStore, "close"): "close",
    (Engine, "remove"): "remove",
}
"""Calls, and the part of a run that each is. What one spends in another that is listed is the other's."""
ORDER = tuple(dict.fromkeys(PARTS.values()))
REST = "the rest"


@dataclass(frozen=True)
class Span:
    """A call: its part, its thread, and when it began and ended."""

    part: str
    thread: int
    began: float
    ended: float


class Spans:
    """What was called since it was last asked."""

    def __init__(self) -> None:
        self._seen: list[Span] = []
        self._lock = threading.Lock()

    def add(self, span: Span) -> None:
        """Notes a call."""
        with self._lock:
            self._seen.append(span)

    def has(self, part: str) -> bool:
        """Whether such a call has ended."""
        with self._lock:
            return any(span.part == part for span in self._seen)

    def take(self) -> list[Span]:
        """All of them, once."""
        with self._lock:
            seen, self._seen = self._seen, []
        return seen


@contextmanager
def watched(parts: Mapping[tuple[Any, str], str] = PARTS) -> Iterator[Spans]:
    """Notes these calls of all objects of their classes, or of modules."""
    spans = Spans()
    with ExitStack() as stack:
        for (owner, name), part in parts.items():
            stack.enter_context(mock.patch.object(owner, name, _noting(getattr(owner, name), part, spans)))
        yield spans


def _noting(call: Callable[..., Any], part: str, spans: Spans) -> Callable[..., Any]:
    @functools.wraps(call)
    def noting(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return call(*arguments, **named)
        finally:
            spans.add(Span(part, threading.get_ident(), began, time.perf_counter()))

    return noting


def split(spans: Sequence[Span], began: float, ended: float) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each part: of the run itself, between these times, with the rest; and of what came after it.

    A call is counted without those that it made. What another thread does at the same time counts as after the run.
    """
    main = next((span.thread for span in spans if began <= span.began), None)
    within: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for span in spans:
        inside = [each for each in spans if each is not span and _holds(span, each)]
        direct = [each for each in inside if not any(other is not each and _holds(other, each) for other in inside)]
        own = span.ended - span.began - sum(each.ended - each.began for each in direct)
        (within if span.thread == main and span.ended <= ended else after)[span.part] += own
    rest = ended - began - sum(within.values())
    return {**within, REST: rest}, dict(after)


def _holds(outer: Span, inner: Span) -> bool:
    return outer.thread == inner.thread and outer.began <= inner.began and inner.ended <= outer.ended
