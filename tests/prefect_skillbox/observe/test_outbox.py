"""Whatever becomes of the server, no run waits for its artifacts or fails with them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from prefect_skillbox.observe import outbox
from prefect_skillbox.observe.outbox import MAX_WAITING, Outbox
from tests.prefect_skillbox import seen

pytestmark = pytest.mark.once


@dataclass(eq=False)
class Item:
    """Counts how often it is sent, and may have to be let go."""

    every: float = 0
    fails: bool = False
    release: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    sent: int = 0

    def send(self, client: Any) -> None:
        self.begun.set()
        if self.fails:
            raise RuntimeError("no")
        assert self.release.wait(30)
        self.sent += 1


def free(**options: Any) -> Item:
    item = Item(**options)
    item.release.set()
    return item


def test_a_server_that_hangs_holds_up_neither_a_run_nor_the_end_of_the_process() -> None:
    box, stuck, waits = Outbox(), Item(), free()
    began = time.monotonic()
    box.post(stuck)
    assert stuck.begun.wait(30)
    box.post(waits)
    assert not box.flush(0.1)
    assert time.monotonic() - began < 20
    assert waits.sent == 0
    stuck.release.set()
    assert box.flush(30)
    assert (stuck.sent, waits.sent) == (1, 1)


def test_an_item_that_waits_is_sent_once_as_it_is_then() -> None:
    box, stuck, item = Outbox(), Item(), free()
    box.post(stuck)
    assert stuck.begun.wait(30)
    for _ in range(5):
        box.post(item)
    stuck.release.set()
    assert box.flush(30)
    assert item.sent == 1


def test_an_item_is_not_sent_more_often_than_it_wants_but_the_last_word_is_not_lost() -> None:
    box, item, other = Outbox(), free(every=1000), free()
    box.post(item)
    assert box.flush(30)
    box.post(item)
    box.post(other)
    assert seen.eventually(lambda: other.sent, bool) == 1
    assert item.sent == 1, "its time has not come"
    item.every = 0
    box.post(item)
    assert seen.eventually(lambda: item.sent, lambda sent: sent > 1) == 2


def test_one_that_fails_is_a_warning_and_the_others_are_sent(caplog: pytest.LogCaptureFixture) -> None:
    box, item = Outbox(), free()
    box.post(Item(fails=True))
    box.post(item)
    assert box.flush(30)
    assert item.sent == 1
    assert "an artifact could not be made: no" in caplog.text


def test_what_waits_has_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    box, stuck = Outbox(), Item()
    box.post(stuck)
    assert stuck.begun.wait(30)
    items = [free() for _ in range(MAX_WAITING + 2)]
    for item in items:
        box.post(item)
    stuck.release.set()
    assert box.flush(60)
    assert sum(item.sent for item in items) == MAX_WAITING
    assert "is dropped" in caplog.text


def test_a_server_that_is_not_there_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**_options: Any) -> None:
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr(outbox, "get_client", refuse)
    box = Outbox()
    box.post(free())
    assert box.flush(30)
    assert "nobody there" in caplog.text
    monkeypatch.undo()
    item = free()
    box.post(item)
    assert box.flush(30)
    assert item.sent == 1, "and the next one is tried again"
