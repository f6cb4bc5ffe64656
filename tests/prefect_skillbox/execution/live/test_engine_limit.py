"""The engine's limit in Prefect: made when missing, kept to, given back, and never a danger to a running skill."""

from __future__ import annotations

import contextvars
import json
import logging
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import skill
from prefect_skillbox.execution import engine_limit
from prefect_skillbox.execution.engine_limit import EngineLimit, Slot
from prefect_skillbox.execution.leases import LEASE, Leases
from skillbox_core import CancelToken, Runner, RunResult
from skillbox_core.errors import InfrastructureError, RunCancelledError
from skillbox_core.sandbox import container
from skillbox_core.sandbox.engine import Engine
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen
from tests.services.settling import settle
from tests.services.web import Page, web

logger = logging.getLogger(__name__)

TIMES = """
import json, sys, time
began = time.time(); time.sleep(json.load(open("/sandbox/input.json"))["seconds"])
json.dump([began, time.time()], open("/sandbox/out/output.json", "w"))
"""


def _active(name: str) -> tuple[int, int]:
    """A limit's slots: taken, and in all."""
    with get_client(sync_client=True) as client:
        limit = client.read_global_concurrency_limit_by_name(name)
    return limit.active_slots, limit.limit


def _delete(name: str) -> None:
    with get_client(sync_client=True) as client:
        try:
            client.delete_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            pass


def _settle(name: str, taken: int) -> None:
    give_up = time.monotonic() + 15
    while _active(name)[0] != taken and time.monotonic() < give_up:
        time.sleep(0.1)
    assert _active(name)[0] == taken


@pytest.fixture
def name() -> Iterator[str]:
    """A limit that nobody else uses."""
    name = f"skillbox-test-{uuid.uuid4().hex[:8]}"
    yield name
    _delete(name)


@pytest.fixture
def limit_name(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The limit of the tests' engine, missing at first; other tests that run meanwhile keep to another."""
    engine = name.removeprefix("skillbox-")
    # A property, since an engine may have looked its own name up already.
    monkeypatch.setattr(Engine, "name", property(lambda _: engine))
    yield name
    if limit := engine_limit._limits.pop((os.getpid(), name), None):
        limit.close()


def test_a_missing_limit_is_made_and_every_run_keeps_to_what_an_administrator_sets(
    limit_name: str, runner: Runner, make_skill: MakeSkill
) -> None:
    times = skill(make_skill(TIMES))

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=5))
    def spans() -> list[RunResult]:
        return [future.result() for future in times.map([{"seconds": 0.5}] * 5)]

    @flow
    def once() -> RunResult:
        return times({"seconds": 0})

    once()
    assert _active(limit_name)[1] == runner.installation.settings.max_engine_execs
    with get_client(sync_client=True) as client:
        client.update_global_concurrency_limit(limit_name, GlobalConcurrencyLimitUpdate(limit=2))
    runs = [result.output for result in spans()]
    assert len(runs) == 5
    for began, _ in runs:
        assert sum(other <= began < end for other, end in runs) <= 2
    assert _active(limit_name)[1] == 2
    _settle(limit_name, 0)


def test_a_slot_serves_one_skill_after_another_without_asking_again(name: str) -> None:
    limit = EngineLimit(name, 1)
    first = limit.acquire(None, None, logger)
    limit.release(first)
    assert limit.acquire(None, None, logger) is first
    assert _active(name) == (1, 1)
    limit.release(first)
    _settle(name, 0)


def test_two_processes_that_miss_the_limit_make_one(name: str) -> None:
    # Two shares of one limit are what two processes have.
    shares = [EngineLimit(name, 2), EngineLimit(name, 2)]
    slots = []
    threads = [
        threading.Thread(target=lambda share: slots.append(share.acquire(None, None, logger)), args=(s,))
        for s in shares
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(slots) == 2
    assert _active(name) == (2, 2)
    for share in shares:
        share.close()


def test_a_process_gives_way_to_others_after_its_turn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_limit, "TURN", 0.5)
    greedy, patient = EngineLimit(name, 1), EngineLimit(name, 1)
    got, done = threading.Event(), threading.Event()

    def keep_busy() -> None:
        while not done.is_set():
            slot = greedy.acquire(None, None, logger)
            time.sleep(0.1)
            greedy.release(slot)

    def ask() -> None:
        slot = patient.acquire(None, None, logger)
        got.set()
        patient.release(slot)

    busy = threading.Thread(target=keep_busy)
    busy.start()
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        assert got.wait(30)
    finally:
        done.set()
    for thread in (busy, asking):
        thread.join(30)
    for share in (greedy, patient):
        share.close()


def test_who_waits_for_a_slot_hears_of_a_cancellation(name: str) -> None:
    full, waiting = EngineLimit(name, 1), EngineLimit(name, 1)
    full.acquire(None, None, logger)
    token = CancelToken()
    threading.Timer(0.5, token.cancel).start()
    began = time.monotonic()
    with pytest.raises(RunCancelledError):
        waiting.acquire(token, None, logger)
    assert time.monotonic() - began < 0.5 + 2.0
    for share in (full, waiting):
        share.close()


def test_a_server_that_is_away_is_waited_for_and_then_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_limit, "AWAY", 1.0)
    monkeypatch.setattr(engine_limit, "ASK_AGAIN", 0.2)
    limit = EngineLimit(name, 1)
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(InfrastructureError, match=r"could not be asked for .* for 1 s: .*PREFECT_API_URL"),
    ):
        limit.acquire(None, None, logger)
    limit.close()


def test_an_answer_that_is_none_of_prefects_does_not_end_the_keeping(name: str) -> None:
    path = "/api/v2/concurrency_limits"
    asked = f"{path}/increment-with-lease"
    pages = {asked: Page([b"<html>Please log in"])}
    limit, slots = EngineLimit(name, 1), []
    with web(pages) as address, temporary_settings({PREFECT_API_URL: f"{address}/api"}):
        context = contextvars.copy_context()
        waiting = threading.Thread(target=lambda: slots.append(context.run(limit.acquire, None, None, logger)))
        waiting.start()
        assert seen.eventually(lambda: limit._trouble, lambda trouble: "line 1" in trouble)
        keeper = limit._keeper
        lease = {"lease_id": str(uuid.uuid4()), "limits": [{"id": str(uuid.uuid4()), "name": name, "limit": 1}]}
        pages[f"{path}/leases/{lease['lease_id']}/renew"] = Page()
        pages[f"{path}/decrement-with-lease"] = Page()
        pages[asked] = Page([json.dumps(lease).encode()])
        waiting.join(30)
        assert [str(slot.lease_id) for slot in slots] == [lease["lease_id"]]
        assert limit._keeper is keeper
        limit.release(slots[0])
        limit.close()


def test_a_lost_lease_is_a_warning_and_the_skill_runs_on(
    limit_name: str, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_limit, "RENEW", 0.3)
    # A server on SQLite that is busy answers 503, and is asked again after this.
    monkeypatch.setattr(engine_limit, "ASK_AGAIN", 0.3)
    times = skill(make_skill(TIMES))

    def in_use() -> list[Slot]:
        found: list[Slot] = []
        for limit in list(engine_limit._limits.values()):
            # The keeper changes them meanwhile.
            with limit._changed:
                found += [slot for slot in limit._slots if slot.warn]
        return found

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def robbed() -> RunResult:
        future = times.submit({"seconds": 6})
        held = seen.eventually(in_use, bool)
        with get_client(sync_client=True) as client:
            leases = Leases(client, limit_name, 1)

            def rob() -> bool:
                # Not with the client's own call, which sleeps for longer than the skill when the server is busy.
                with suppress(httpx.HTTPStatusError):
                    leases.give_back(held[0].lease_id)
                    return True
                return False

            assert seen.eventually(rob, bool)
        return future.result()

    state = robbed(return_state=True)
    assert state.is_completed()
    run_id, give_up = state.state_details.flow_run_id, time.monotonic() + 30
    assert run_id is not None
    said: list[str] = []
    with get_client(sync_client=True) as client:
        # Logs travel in batches, every two seconds.
        while not any("was lost" in line for line in said) and time.monotonic() < give_up:
            logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id])), limit=200)
            said = [log.message for log in logs if log.level == logging.WARNING]
            time.sleep(0.2)
    assert any("the skill runs on" in line for line in said), said
    _settle(limit_name, 0)


def test_a_lease_that_expired_while_its_process_was_frozen_takes_no_slot_from_others(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_limit, "RENEW", 60.0)
    frozen, awake = EngineLimit(name, 1), EngineLimit(name, 1)
    slot = frozen.acquire(None, None, logger)
    with frozen._changed, get_client(sync_client=True) as client:
        # As the server does when a lease has expired, which would take a minute.
        slot.renewed -= LEASE + 1
        client.release_concurrency_slots_with_lease(slot.lease_id)
    others = awake.acquire(None, None, logger)
    slot.renew_at = 0.0
    assert seen.eventually(lambda: slot not in frozen._slots, bool)
    frozen.close()
    assert _active(name) == (1, 1)
    awake.release(others)
    awake.close()


@pytest.mark.by_itself
def test_a_process_that_ends_gives_its_slots_back_at_once(name: str, tmp_path: Path) -> None:
    program = (
        "import logging, sys; from prefect_skillbox.execution.engine_limit import limit_for\n"
        "limit = limit_for(sys.argv[1], 3)\n"
        "held = [limit.acquire(None, None, logging.getLogger()) for _ in range(2)]\n"
        "for slot in held: limit.release(slot)\n"
    )
    subprocess.run([sys.executable, "-c", program, name], check=True, env=os.environ, timeout=60)
    assert _active(name) == (0, 3)


def test_a_slot_is_held_until_the_container_is_gone(
    limit_name: str, runner: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, remove = threading.Event(), container.remove

    def held(*arguments: Any) -> None:
        assert go.wait(60)
        remove(*arguments)

    monkeypatch.setattr(container, "remove", held)
    times = skill(make_skill(TIMES))

    @flow
    def once() -> RunResult:
        return times({"seconds": 0})

    assert once().ok
    (slot,) = engine_limit._limits[os.getpid(), limit_name]._slots
    assert slot.warn is not None, "it is not in use any more"
    renewed, slot.renew_at = slot.renewed, 0.0
    assert seen.eventually(lambda: slot.renewed, lambda when: when > renewed)
    go.set()
    settle()
    assert slot.warn is None


def test_a_process_that_ends_while_a_container_goes_gives_its_slot_back_after_it(name: str) -> None:
    program = (
        "import logging, sys, time; from prefect_skillbox.execution.engine_limit import limit_for\n"
        "from skillbox_core.sandbox.removals import Removals\n"
        "removals = Removals(); removals.submit(list)\n"
        "limit = limit_for(sys.argv[1], 3)\n"
        "slot = limit.acquire(None, None, logging.getLogger())\n"
        "removals.submit(lambda: (time.sleep(1), limit.release(slot)))\n"
    )
    subprocess.run([sys.executable, "-c", program, name], check=True, env=os.environ, timeout=60)
    assert _active(name) == (0, 3)
