"""A slot that one skill gives back and the next takes wakes nobody, and asks no server."""

from __future__ import annotations

import logging
import threading
import uuid

import pytest

from prefect_skillbox.execution.engine_limit import EngineLimit, Slot, _awake_or_not

pytestmark = pytest.mark.once
logger = logging.getLogger(__name__)


class _Noted(threading.Condition):
    """Counts how often those who wait are woken."""

    woken = 0

    def notify_all(self) -> None:
        self.woken += 1
        super().notify_all()


def share_of_one() -> tuple[EngineLimit, _Noted]:
    share = EngineLimit("skillbox-nowhere", 1)
    share._changed = noted = _Noted()
    share._slots.add(Slot(uuid.uuid4(), _awake_or_not()))
    return share, noted


def test_a_batch_one_after_the_other_has_one_slot_and_wakes_nobody() -> None:
    share, noted = share_of_one()
    for _ in range(50):
        share.release(share.acquire(None, None, logger))
    assert (noted.woken, share._keeper, len(share._slots)) == (0, None, 1)


def test_who_waits_is_woken_and_comes_before_who_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    share, noted = share_of_one()
    monkeypatch.setattr(share, "_keep", lambda: None)
    order: list[str] = []
    slot = share.acquire(None, None, logger)

    def wait() -> None:
        taken = share.acquire(None, None, logger)
        order.append("who waited")
        share.release(taken)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not share._waiting:
        pass
    before = noted.woken
    share.release(slot)
    waiting.join(30)
    assert order == ["who waited"]
    assert noted.woken > before
