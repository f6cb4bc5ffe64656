"""Every step under every fault where a container waits: the claim, what comes of it, and the next one that is made.

A fault that passes leaves no trace in the result, no second start, and no container that no record knows.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from skillbox_core import Runner, RunResult, Status
from skillbox_core.operations.pool import State, drain, look
from skillbox_core.sandbox import container
from skillbox_core.sandbox.container import LABEL_INSTANCE
from tests.faults.test_each_step import CHANGING, DATABASE, HTTP, run_within
from tests.faults.world import SKILL, World
from tests.services import pools
from tests.services.faults import Fault
from tests.services.settling import containers_left

POOL = {"pool_max": 2, "pool_min": 1}

TAKING: dict[str, tuple[str, str, tuple[Fault, ...]]] = {
    "taking it": ("database", r"DELETE FROM waiting_containers", (*DATABASE, Fault.STALL, Fault.DELAY, Fault.GARBAGE)),
    "noting whose it is": ("database", r"UPDATE executions SET .*claimed", DATABASE),
    "looking at it": ("engine", r"GET .*/containers/skillbox-waiting-[0-9a-f]*/json", (*HTTP, Fault.STALL)),
    "attaching": ("engine", r"POST .*/attach", (Fault.DROP, Fault.LOST_REPLY, Fault.ERROR)),
    "collecting, asking": ("engine", r"POST .*/containers/.*/exec", HTTP),
    "collecting, reading": ("engine", r"POST .*/exec/.*/start", (*HTTP, Fault.STALL)),
    "closing the record": ("database", r"UPDATE executions SET status", (*DATABASE, Fault.STALL)),
    "removing it": ("engine", r"DELETE .*/containers/", (*HTTP, Fault.STALL)),
}
MAKING: dict[str, tuple[str, str, tuple[Fault, ...]]] = {
    "noting that it was wanted": ("database", r"asked_kinds", DATABASE),
    "entering the next one": ("database", r"INSERT INTO waiting_containers", DATABASE),
    "creating the next one": ("engine", r"POST .*/containers/create", CHANGING),
    "starting the next one": ("engine", r"POST .*/containers/[^/]*/start", CHANGING),
    "noting that it waits": ("database", r"UPDATE waiting_containers SET ready", DATABASE),
}
STEPS = {**TAKING, **MAKING}
AS_COLD = {"collecting, asking", "collecting, reading", "closing the record", "removing it"}
"""What comes after the skill's start is done by the same code: those are tried in a cold container each time."""
CASES = [
    pytest.param(step, fault, id=f"{step}: {fault}", marks=[pytest.mark.nightly] if step in AS_COLD else [])
    for step, (_, _, faults) in STEPS.items()
    for fault in faults
]


@pytest.fixture
def pooled(world: World) -> Iterator[Runner]:
    """A worker past the proxies, for whose runs containers wait; none does afterwards."""
    runner = Runner.from_settings(world.outside.installation.settings.model_copy(update=POOL))
    yield runner
    assert drain(runner.installation).failed == ()


def _assert_all_is_known(pooled: Runner, result: RunResult) -> None:
    """Every container of the installation waits, and can be taken."""
    found = look(pooled.installation)
    assert {entry.state for entry in found.entries} <= {State.WAITING}, found.entries
    labels = {LABEL_INSTANCE: pooled.installation.settings.instance}
    left = containers_left(pooled.installation.engine, labels)
    assert {one["Names"][0].lstrip("/") for one in left} == {entry.name for entry in found.entries}
    assert pools.record(pooled, result.execution_id).claimed not in {entry.name for entry in found.entries}


@pytest.mark.parametrize(("step", "fault"), CASES)
def test_a_fault_that_passes_costs_nothing_but_time(world: World, pooled: Runner, step: str, fault: Fault) -> None:
    name = pools.ahead(pooled, SKILL)
    part, pattern, _ = STEPS[step]
    proxy = getattr(world, part)
    proxy.inject(fault, pattern, seconds=0.3)
    result = run_within(world, inline_output="exec" not in pattern, **POOL)
    assert proxy.injected == 1, proxy.requests
    assert result.status is Status.SUCCESS, result
    row = pools.record(pooled, result.execution_id)
    assert row.attempt == 1
    # What was in doubt is not used; all else is.
    if step in MAKING or step in ("closing the record", "removing it"):
        assert row.claimed == name
    _assert_all_is_known(pooled, result)
    drain(pooled.installation)
    world.assert_right(result)


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.LOST_REPLY])
@pytest.mark.parametrize("nth", range(1, 7))
def test_each_commit_can_be_replayed(
    world: World, pooled: Runner, nth: int, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest's, the record's, the claim's, the end's, and those of the next one."""
    pools.ahead(pooled, SKILL)
    monkeypatch.setattr(container, "UNATTENDED", 0.5)
    monkeypatch.setattr(container, "ATTENDED", 0.25)
    world.database.inject(fault, r"^Q\0\0\0.COMMIT", nth=nth)
    result = run_within(world, **POOL)
    assert result.status is Status.SUCCESS, result
    assert world.database.injected == 1
    _assert_all_is_known(pooled, result)
    drain(pooled.installation)
    world.assert_right(result)
