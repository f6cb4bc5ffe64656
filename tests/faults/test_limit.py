"""The engine's limit on a Prefect server that fails: no slot is lost, none is freed twice, and nobody is held up."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from prefect_skillbox.execution import engine_limit, leases
from prefect_skillbox.execution.engine_limit import EngineLimit
from prefect_skillbox.execution.leases import LEASE
from tests.prefect_skillbox.seen import eventually
from tests.services.faults import Fault, Proxy, http_proxy
from tests.services.prefect import prefect_server

logger = logging.getLogger(__name__)

RENEWAL, RETURN = r"POST .*/leases/.*/renew", r"POST .*/decrement-with-lease"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_limit, "IDLE", 0.2)
    monkeypatch.setattr(engine_limit, "ASK_AGAIN", 0.3)


@pytest.fixture
def server() -> Iterator[Proxy]:
    """The Prefect server, as this process reaches it."""
    address = urlsplit(os.environ["PREFECT_API_URL"]).netloc
    with http_proxy(address) as proxy, temporary_settings({PREFECT_API_URL: f"http://{proxy.address}/api"}):
        yield proxy


@pytest.fixture
def share(server: Proxy) -> Iterator[EngineLimit]:
    """A share of a limit of three slots, of which another process holds one."""
    name = f"skillbox-test-{uuid.uuid4().hex[:8]}"
    share, other = EngineLimit(name, 3), EngineLimit(name, 3)
    other.release(_hold(other))
    theirs = _hold(other)
    yield share
    server.clear()
    other.release(theirs)
    for each in (share, other):
        each.close()
    assert eventually(lambda: _taken(name), lambda taken: taken == 0) == 0
    with get_client(sync_client=True) as client:
        client.delete_global_concurrency_limit_by_name(name)


def _hold(share: EngineLimit) -> engine_limit.Slot:
    return share.acquire(None, None, logger)


def _taken(name: str) -> int:
    with get_client(sync_client=True) as client:
        return client.read_global_concurrency_limit_by_name(name).active_slots


def _expire(slot: engine_limit.Slot) -> None:
    """Does what the server does a minute later: it frees a slot of which it still has the lease."""
    with get_client(sync_client=True) as client:
        client.release_concurrency_slots_with_lease(slot.lease_id)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("request_line", [RENEWAL, RETURN], ids=["renewal", "return"])
def test_a_slot_is_freed_once_under_every_fault(
    server: Proxy, share: EngineLimit, request_line: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = _hold(share)
    assert _taken(share.name) == 2
    if fault is Fault.STALL:
        monkeypatch.setattr(leases, "ANSWER", 2.0)
        monkeypatch.setattr(leases, "RENEWAL_ANSWER", 2.0)
    rule = server.inject(fault, request_line, times=2)
    share.release(slot)
    assert eventually(lambda: slot not in share._slots, bool)
    assert rule.seen > 0
    # A return of which nobody knows whether it was heard is not made again.
    in_doubt = request_line == RETURN and fault not in (Fault.DELAY, Fault.DUPLICATE)
    assert _taken(share.name) in ((1, 2) if in_doubt else (1,))
    assert rule.seen == (1 if in_doubt else rule.seen)
    server.clear()
    _expire(slot)
    assert _taken(share.name) == 1


def test_skills_keep_their_slots_and_others_get_one_while_a_return_hangs(
    server: Proxy, share: EngineLimit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_limit, "RENEW", 0.5)
    running, over = _hold(share), _hold(share)
    monkeypatch.setattr(leases, "RENEWAL_ANSWER", 2.0)
    rule = server.inject(Fault.STALL, rf"POST .*/leases/{over.lease_id}/renew", times=10_000)
    share.release(over)
    assert eventually(lambda: rule.seen, lambda count: count > 1)
    renewed, tried = running.renewed, rule.seen
    assert eventually(lambda: rule.seen, lambda count: count > tried)
    assert running.renewed > renewed
    assert over in share._slots
    _expire(over)
    share.release(_hold(share))
    share.release(running)


def test_a_slot_that_cannot_be_given_back_holds_nobody_up(server: Proxy, share: EngineLimit) -> None:
    rule = server.inject(Fault.ERROR, RETURN, times=10_000, status=503)
    stuck = _hold(share)
    share.release(stuck)
    assert eventually(lambda: rule.seen, lambda count: count > 1)
    fresh = _hold(share)
    assert fresh is not stuck
    assert stuck in share._slots
    assert _taken(share.name) == 3
    server.clear()
    assert eventually(lambda: stuck not in share._slots, bool)
    share.release(fresh)


def test_what_cannot_be_given_back_is_left_to_expire(
    server: Proxy, share: EngineLimit, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = server.inject(Fault.ERROR, RETURN, times=10_000, status=503)
    stuck = _hold(share)
    share.release(stuck)
    assert eventually(lambda: rule.seen, bool)
    stuck.renewed -= LEASE
    assert eventually(lambda: stuck not in share._slots, bool)
    tried = rule.seen
    assert not eventually(lambda: rule.seen > tried, bool, seconds=2 * engine_limit.LAST_PAUSE)
    assert _taken(share.name) == 2
    # As the server does in the end.
    server.clear()
    _expire(stuck)


@pytest.fixture(scope="module")
def lease_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The leases of a Prefect server that may forget them."""
    folder = tmp_path_factory.mktemp("forgetful")
    with (
        prefect_server(folder, f"sqlite+aiosqlite:///{folder}/prefect.db") as server,
        temporary_settings({PREFECT_API_URL: server.api}),
    ):
        yield folder / "concurrency_leases"


@pytest.mark.parametrize("idle", [True, False], ids=["idle", "in use"])
def test_the_slot_of_a_lease_that_the_server_forgot_is_freed(
    lease_files: Path, monkeypatch: pytest.MonkeyPatch, idle: bool
) -> None:
    monkeypatch.setattr(engine_limit, "RENEW", 60.0)
    share = EngineLimit(f"skillbox-forgotten-{idle}", 2)
    slot = _hold(share)
    # So is, after a new start, what was in memory only, where Prefect keeps leases by default.
    for file in lease_files.glob("*-*.json"):
        file.unlink()
    assert _taken(share.name) == 1
    if idle:
        share.release(slot)
    else:
        slot.renew_at = 0.0
    assert eventually(lambda: slot not in share._slots, bool)
    assert _taken(share.name) == 0
    share.close()
