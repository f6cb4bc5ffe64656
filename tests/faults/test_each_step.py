"""Every step under every fault, once through the core: a fault that passes leaves no trace in the result."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from skillbox_core import Reason, RunResult, Status, wait_for_removals
from skillbox_core.errors import DatabaseError, StorageError
from tests.faults.world import World, request
from tests.services.faults import Fault, Proxy
from tests.services.settling import containers_left

WITHIN = 30.0
"""Seconds that a run may take whatever happens, with this suite's time limits."""

HTTP = (Fault.DROP, Fault.LOST_REPLY, Fault.HALF_ANSWER, Fault.ERROR)
CHANGING = (*HTTP, Fault.STALL, Fault.DELAY, Fault.GARBAGE, Fault.DUPLICATE)
DATABASE = (Fault.DROP, Fault.LOST_REPLY)

STEPS: dict[str, tuple[str, str, tuple[Fault, ...]]] = {
    "create record, resolving the version": ("store", r"GET /skills", (*HTTP, Fault.STALL)),
    "create record, opening it": (
        "database",
        r"INSERT INTO executions",
        (*DATABASE, Fault.STALL, Fault.DELAY, Fault.GARBAGE),
    ),
    "load skill, its digest": ("database", r"FROM skill_digests", DATABASE),
    "load skill, its archive": ("store", r"GET .*/skill\.zip", HTTP),
    "create container, looking up the image": ("engine", r"GET .*/images/", HTTP),
    "create container, noting it": ("database", r"UPDATE executions SET skill_digest", DATABASE),
    "create container, creating": ("engine", r"POST .*/containers/create", CHANGING),
    # What happens to a connection once it is there is a case of its own, below.
    "create container, attaching": ("engine", r"POST .*/attach", (Fault.DROP, Fault.LOST_REPLY, Fault.ERROR)),
    "create container, starting": ("engine", r"POST .*/start", CHANGING),
    "collect output, asking": ("engine", r"POST .*/containers/.*/exec", HTTP),
    "collect output, reading": ("engine", r"POST .*/exec/.*/start", (*HTTP, Fault.STALL)),
    "upload artifacts": ("store", r"PUT .*/files\.tar\.gz", CHANGING),
    "cleanup, closing the record": ("database", r"UPDATE executions SET status", (*DATABASE, Fault.STALL)),
    "cleanup, removing the container": ("engine", r"DELETE .*/containers/", (*HTTP, Fault.STALL)),
}

CASES = [(step, fault) for step, (_, _, faults) in STEPS.items() for fault in faults]


def run_within(world: World, seconds: float = 0.0, *, inline_output: bool = True, **settings: Any) -> RunResult:
    """The result of a run by a new worker, when all is done that comes after it, and in time."""
    # A worker without a cache, so that the archive is fetched each time.
    for cached in (world.settings.home / "cache" / "skills").glob("**/*.zip"):
        cached.unlink()
    runner, began = world.runner(inline_output=inline_output, **settings), time.monotonic()
    result = runner.run(request(seconds))
    # Its removal is a part of it, though nobody waits for that.
    assert wait_for_removals(WITHIN)
    assert time.monotonic() - began < WITHIN
    return result


@pytest.mark.parametrize(("step", "fault"), CASES, ids=[f"{step}: {fault}" for step, fault in CASES])
def test_a_fault_that_passes_costs_nothing_but_time(world: World, step: str, fault: Fault) -> None:
    part, pattern, _ = STEPS[step]
    proxy: Proxy = getattr(world, part)
    proxy.inject(fault, pattern, seconds=0.3)
    result = run_within(world, inline_output="exec" not in pattern)
    assert proxy.injected == 1, proxy.requests
    assert result.status is Status.SUCCESS, result
    world.assert_right(result)


COMMITS = 6
"""Transactions of a run: what the version's digest is, twice the record's, the launch, the end, and one to spare."""


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.LOST_REPLY])
@pytest.mark.parametrize("nth", range(1, COMMITS + 1))
def test_each_commit_can_be_replayed(world: World, nth: int, fault: Fault) -> None:
    world.database.inject(fault, r"^Q\0\0\0.COMMIT", nth=nth)
    result = run_within(world)
    assert result.status is Status.SUCCESS, result
    world.assert_right(result)
    commits = sum("COMMIT" in text for text, _ in world.database.requests)
    assert commits >= COMMITS - 1, "the proxy sees no commits"
    assert (world.database.injected == 1) is (nth <= commits), f"{commits} commits"


@pytest.mark.parametrize("after", [0, 60], ids=["at once", "in the middle"])
@pytest.mark.parametrize("fault", [Fault.HALF_ANSWER, Fault.STALL], ids=["broken", "silent"])
def test_a_connection_to_the_sandbox_that_dies_is_replaced_by_the_log(world: World, fault: Fault, after: int) -> None:
    world.engine.inject(fault, r"POST .*/attach", after=after)
    told: list[tuple[str, str]] = []
    runner = world.runner()
    result = runner.run(request(1.5), on_log=lambda stream, line: told.append((stream, line)))
    assert world.engine.injected == 1
    assert result.status is Status.SUCCESS, result
    assert [line for stream, line in told if stream == "stdout"] == ["begun", "done"]
    assert [line for stream, line in told if stream == "stderr"] == ["on its way"]
    world.assert_right(result)


@pytest.mark.parametrize("after", [1_000, 30_000, 62_000], ids=["at its beginning", "in the middle", "near its end"])
@pytest.mark.parametrize("fault", [Fault.HALF_ANSWER, Fault.STALL], ids=["broken", "silent"])
def test_a_connection_that_dies_within_the_output_is_replaced_by_reading_the_sandbox(
    world: World, fault: Fault, after: int
) -> None:
    """Of 40,000 bytes of files, which are 62,720 of lines, so many have come."""
    world.engine.inject(fault, r"POST .*/attach", after=after)
    told: list[tuple[str, str]] = []
    result = world.runner().run(request(0.5), on_log=lambda stream, line: told.append((stream, line)))
    assert world.engine.injected == 1
    assert result.status is Status.SUCCESS, result
    assert sorted(line for _, line in told) == sorted(result.logs.splitlines())
    assert sum("/exec/" in text for text, _ in world.engine.requests) == 1
    world.assert_right(result)


def test_an_output_that_came_along_is_not_asked_for(world: World) -> None:
    result = run_within(world)
    assert not [text for text, _ in world.engine.requests if "/exec" in text]
    world.assert_right(result)


LASTING: dict[str, tuple[str, str, Fault, int]] = {
    "no image can be looked up": ("engine", r"GET .*/images/", Fault.ERROR, 0),
    "no container can be made": ("engine", r"POST .*/containers/create", Fault.ERROR, 0),
    "no container can be made, and the engine hangs": ("engine", r"POST .*/containers/create", Fault.STALL, 0),
    "the answer to create never arrives": ("engine", r"POST .*/containers/create", Fault.LOST_REPLY, 0),
    "the answer to start never arrives": ("engine", r"POST .*/start", Fault.LOST_REPLY, 0),
    "the output can't be read": ("engine", r"POST .*/exec", Fault.DROP, 1),
    "the output always breaks off": ("engine", r"POST .*/exec/.*/start", Fault.HALF_ANSWER, 1),
    "the archive can't be fetched": ("store", r"GET .*/skill\.zip", Fault.ERROR, 0),
    "the files can't be stored": ("store", r"PUT .*/files\.tar\.gz", Fault.ERROR, 1),
}  # fmt: skip


@pytest.mark.parametrize("case", LASTING)
def test_a_fault_that_lasts_is_infrastructure_in_bounded_time(world: World, case: str) -> None:
    part, pattern, fault, starts = LASTING[case]
    getattr(world, part).inject(fault, pattern, times=99)
    result = run_within(world, inline_output="exec" not in pattern)
    assert (result.status, result.reason) == (Status.FAILED, Reason.INFRASTRUCTURE), result
    assert result.error
    getattr(world, part).clear()
    world.assert_right(result, starts=starts)
    if starts:
        assert "done" in result.logs


BEFORE: dict[str, tuple[str, str, Fault, Callable[[], type[Exception]]]] = {
    "the store answers 500": ("store", r"GET /skills", Fault.ERROR, lambda: StorageError),
    "the database refuses": ("database", r".", Fault.DROP, lambda: DatabaseError),
    "the database hangs": ("database", r"INSERT", Fault.STALL, lambda: DatabaseError),
}


@pytest.mark.parametrize("case", BEFORE)
def test_without_a_record_the_caller_is_told(world: World, case: str) -> None:
    part, pattern, fault, kind = BEFORE[case]
    getattr(world, part).inject(fault, pattern, times=999)
    with pytest.raises(kind()):
        run_within(world)
    world.assert_clean()


def test_an_end_that_cannot_be_recorded_is_kept_in_its_container(world: World) -> None:
    rule = world.database.inject(Fault.DROP, r"UPDATE executions SET status", times=999)
    from skillbox_core import RunOptions

    options = RunOptions(key="kept")
    with pytest.raises(DatabaseError):
        world.runner().run(request(), options)
    (row,) = world.outside.installation.executions.list("default", status=Status.RUNNING)
    assert len(containers_left(world.outside.installation.engine, {"skillbox.execution": row.id})) == 1
    rule.times = 0
    result = world.runner().run(request(), options)
    assert (result.execution_id, result.status) == (row.id, Status.SUCCESS)
    world.assert_right(result)
