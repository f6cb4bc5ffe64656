"""What Prefect costs for each skill: one in a flow, and 50 and 500 mapped, beside as many empty tasks.

A Prefect server on Postgres and a fresh installation are started for it. No wrapping can cost less than the bare core
in a task of Prefect's own, with as many empty tasks in it as a skill has steps. The bare core, in the same process,
takes turns with both. The server shares the processors with what is measured: a share in wall time holds its work too,
one in processor time is this process's alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from skillbox_core import Runner, RunRequest, RunResult
from tests.benchmarks import job
from tests.benchmarks.ground import Ground, Scale
from tests.benchmarks.report import Part
from tests.benchmarks.turns import Contestant, TurnError, compare, take_turns
from tests.benchmarks.with_prefect import with_prefect

STEPS = 6
"""Task runs in a skill without files, beside its own."""
THREADS = 8
CORE, LEAST, MAPPED, BATCH = "the core alone", "the core in empty tasks", "a skill", "a skill in a batch"
BUDGET_MS = 12

Way = Callable[[int], list[RunResult]]


def measure(scale: Scale, part: Part) -> None:
    """Each number of skills by each way, in turns."""
    with with_prefect(part, "Prefect's share", SKILLBOX_MAX_CONCURRENT_EXECS=str(THREADS)) as made:
        if made is None:
            return
        runner = made.runner
        ways = {CORE: bare(runner), LEAST: framed(runner), MAPPED: mapped(), BATCH: batched()}
        sizes = {1: min(scale.turns, 10), 50: 1 if scale.quick else 2, 500: 0 if scale.quick else 1}
        for count, rounds in sizes.items():
            if rounds:
                share(part, made, ways, count, rounds)


def share(part: Part, made: Ground, ways: dict[str, Way], count: int, rounds: int) -> None:
    """So many at once by each way, in turns; what each skill took."""
    processor: dict[str, list[float]] = {name: [] for name in ways}

    def turn(name: str, way: Way) -> Callable[[], float]:
        def once() -> float:
            began, used = time.perf_counter(), time.process_time()
            results = way(count)
            took = time.perf_counter() - began
            processor[name].append((time.process_time() - used) / count)
            if wrong := next((result for result in results if not result.ok), None):
                raise TurnError(f"a run failed: {wrong.error}\n{wrong.logs}")
            return took / count

        return once

    what = "one in a flow" if count == 1 else f"{count} mapped"
    # What is mapped comes after single ones, and takes minutes.
    warm = count > 1
    times = take_turns(
        [Contestant(name, turn(name, way), made.settle) for name, way in ways.items()], rounds, warm=warm
    )
    for name, each in times.items():
        if each.problem:
            part.fail(f"{what}, {name}: {each.problem}")
            return
        part.times(f"{name}, {what}", each)
        part.figure(f"{name}, {what}, processor time", "ms", *(1000 * used for used in processor[name][-rounds:]))
    more = [1000 * (times[MAPPED].of_round[n] - times[LEAST].of_round[n]) for n in times[MAPPED].of_round]
    part.figure(f"above as many empty tasks, {what}", "ms", *more, budget=BUDGET_MS)
    pairs: tuple[tuple[str, str], ...] = (MAPPED, LEAST), (MAPPED, CORE), (BATCH, CORE)
    for name, other in pairs:
        part.ratio(f"{name}, {what} / {other}, {what}", compare(times[name], times[other]))


def bare(runner: Runner) -> Way:
    """The same work without Prefect."""

    def run(count: int) -> list[RunResult]:
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(lambda n: runner.run(request(n)), range(count)))

    return run


def mapped() -> Way:
    """One flow that maps one skill."""
    from prefect import flow
    from prefect.task_runners import ThreadPoolTaskRunner

    from prefect_skillbox import skill

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=THREADS))
    def many(count: int) -> list[RunResult]:
        if count == 1:
            return [skill("word-count")(job.INPUT)]
        return list(skill("word-count").map([{**job.INPUT, "n": n} for n in range(count)]).result())

    return many


def batched() -> Way:
    """One flow that gives one skill all inputs in a batch."""
    from prefect import flow
    from prefect.task_runners import ThreadPoolTaskRunner

    from prefect_skillbox import skill

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=THREADS))
    def many(count: int) -> list[RunResult]:
        return list(skill("word-count").batch({**job.INPUT, "n": n} for n in range(count)).result())

    return many


def framed(runner: Runner) -> Way:
    """One flow that maps the bare core, with empty tasks beside it."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.task_runners import ThreadPoolTaskRunner

    @task(cache_policy=NO_CACHE, persist_result=False)
    def step() -> None: ...

    @task(cache_policy=NO_CACHE, persist_result=False)
    def one(n: int) -> RunResult:
        for _ in range(STEPS):
            step()
        return runner.run(request(n))

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=THREADS))
    def many(count: int) -> list[RunResult]:
        return [one(0)] if count == 1 else list(one.map(range(count)).result())

    return many


def request(number: int) -> RunRequest:
    """The little job, each a different one."""
    return RunRequest(skill="word-count", input={**job.INPUT, "n": number})
