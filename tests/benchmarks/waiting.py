"""A run in a container that waited for it, beside a cold one and `docker run --rm`; then many at once.

All do the same little job in the same image, hardened but for `docker run`. A turn ends when the caller has the
result; the next one begins when the container is gone and another one waits. What that took is a figure of its own, and
no part of the turn: it is part of the rates, since somebody pays for it.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict

from skillbox_core import wait_for_removals
from skillbox_core.operations.pool import State, drain, look
from skillbox_core.run import pool
from skillbox_core.storage.execution_writes import ExecutionStore
from tests.benchmarks import contestants
from tests.benchmarks.ground import GONE, Ground, Scale, ground
from tests.benchmarks.names import DOCKER_RUN, SKILLBOX, WAITING
from tests.benchmarks.report import Part
from tests.benchmarks.throughput import rates as told
from tests.benchmarks.throughput import together
from tests.benchmarks.turns import Comparison, Contestant, Times, TurnError, compare, quantile, take_turns
from tests.benchmarks.watch import PARTS, REST, Spans, split, watched

MEDIAN_BUDGET, TAIL_BUDGET, RATE_BUDGET = 0.25, 0.4, 1.1
TAIL = 0.95
AT_ONCE = 4
RUNS, QUICK_RUNS = 500, 24
TURNS_OF_RUNS = 5
"""How many turns those are dealt to."""
SIZES = {"default_memory": "64Mi", "default_scratch": "32Mi"}
"""So that as many as are wanted may wait on any machine."""
REFILL = "refill"
CALLS = {**PARTS, (ExecutionStore, "claim"): "claim", (pool, "refill"): REFILL}
ORDER = tuple(dict.fromkeys(CALLS.values()))


class Waiting:
    """Turns of runs in containers that waited, with where their time went."""

    def __init__(self, made: Ground, spans: Spans) -> None:
        self._ground, self._spans = made, spans
        self._turn = (0.0, 0.0, "")
        self.refills: list[float] = []
        self.within: dict[str, list[float]] = defaultdict(list)
        self.after: dict[str, list[float]] = defaultdict(list)

    def turn(self) -> None:
        """One run."""
        self._spans.take()
        began = time.perf_counter()
        result = self._ground.run()
        self._turn = began, time.perf_counter(), result.execution_id

    def settle(self) -> None:
        """Waits until its container is gone and the next one waits.

        Raises:
            TurnError: The run had found none that waited.
        """
        settle(self._ground)
        began, ended, execution_id = self._turn
        spans = self._spans.take()
        if not has_waited(self._ground, execution_id):
            raise TurnError("a run found no container that waited")
        self.refills += [span.ended - span.began for span in spans if span.part == REFILL]
        within, after = split(spans, began, ended)
        for found, kept in ((within, self.within), (after, self.after)):
            for name, seconds in found.items():
                kept[name].append(seconds)


def has_waited(made: Ground, execution_id: str) -> bool:
    """Whether a run took a container that waited for it."""
    return made.runner.installation.executions.get("default", execution_id).claimed is not None


def settle(made: Ground) -> None:
    """Waits until nothing is left of what has ended, and as much waits as is made.

    Raises:
        TurnError: Nothing waits then, so that the next run would be a cold one.
    """
    if not wait_for_removals(GONE):
        raise TurnError(f"removals took more than {GONE:g} s")
    if not look(made.runner.installation).of(State.WAITING):
        raise TurnError("no container waits for the next run")


def measure(scale: Scale, part: Part) -> None:
    """Single runs in turns, then rates."""
    with (
        ground(part, max_concurrent_execs=AT_ONCE, **SIZES) as cold,
        ground(part, max_concurrent_execs=AT_ONCE, pool_max=2 * AT_ONCE, pool_min=1, **SIZES) as made,
    ):
        try:
            single(scale, part, cold, made)
            rates(scale, part, made)
        finally:
            wait_for_removals(GONE)
            drain(made.runner.installation)


def single(scale: Scale, part: Part, cold: Ground, made: Ground) -> None:
    """One run after the other."""
    settle(made)
    with watched(CALLS) as spans:
        ours = Waiting(made, spans)
        times = take_turns(
            [
                Contestant(WAITING, ours.turn, ours.settle),
                Contestant(SKILLBOX, lambda: void(cold), cold.settle),
                contestants.docker_run(cold),
            ],
            scale.turns,
        )
    for name, each in times.items():
        if each.problem:
            part.fail(f"{name}: {each.problem}")
        else:
            part.times(name, each)
    ratios(part, times)
    if ours.refills:
        part.figure("after it: a container is made ahead", "ms", *(seconds * 1000 for seconds in ours.refills))
    for name in (*ORDER, REST):
        # The first turn found cold caches.
        for what, kept in (("of it", ours.within), ("after it", ours.after)):
            if values := kept.get(name, [])[1:]:
                part.figure(f"{what}: {name}", "ms", *(seconds * 1000 for seconds in values))


def void(made: Ground) -> None:
    """One run, without its result: what a turn returns counts instead of its time."""
    made.run()


def ratios(part: Part, times: dict[str, Times]) -> None:
    """Beside each other one, and by the slowest of them beside those of `docker run`."""
    mine, docker = times[WAITING], times[DOCKER_RUN]
    for name in (DOCKER_RUN, SKILLBOX):
        if mine.values and times[name].values:
            budget = MEDIAN_BUDGET if name == DOCKER_RUN else None
            part.ratio(f"{WAITING} / {name}", compare(mine, times[name]), budget=budget)
    if mine.values and docker.values:
        tail = quantile(mine.values, TAIL) / quantile(docker.values, TAIL)
        part.ratio(f"{WAITING} / {DOCKER_RUN}, p95", Comparison(tail, tail, tail), budget=TAIL_BUDGET)


def rates(scale: Scale, part: Part, made: Ground) -> None:
    """Many runs, some at once, until as many wait again as before: each that is taken is made within the time."""
    rounds = 1 if scale.quick else TURNS_OF_RUNS
    runs = (QUICK_RUNS if scale.quick else RUNS) // rounds
    hits: list[bool] = []
    theirs = contestants.run_program(made)

    def ours() -> None:
        hits.append(has_waited(made, made.run().execution_id))

    names = f"{WAITING}, {AT_ONCE} at once", f"{DOCKER_RUN}, {AT_ONCE} at once"
    times = take_turns(
        [
            Contestant(names[0], together(ours, runs, AT_ONCE, lambda: settle(made))),
            Contestant(names[1], together(theirs, runs, AT_ONCE, lambda: None)),
        ],
        rounds,
    )
    told(part, names, times, runs, RATE_BUDGET)
    part.figure(f"{names[0]}, those that found one", "%", 100 * statistics.fmean(hits))
