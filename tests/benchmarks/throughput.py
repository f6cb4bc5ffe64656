"""How many runs a second with 1, 2, 4, 8 and 16 at once, beside as many `docker run --rm`.

Those of both are counted until the last container is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks import contestants
from tests.benchmarks.ground import Scale, ground
from tests.benchmarks.names import DOCKER_RUN
from tests.benchmarks.report import Part
from tests.benchmarks.turns import Contestant, Times, TurnError, compare, take_turns

AT_ONCE = (1, 2, 4, 8, 16)


def measure(scale: Scale, part: Part) -> None:
    """Each number at once, in turns of a few runs each."""
    with ground(part, max_concurrent_execs=max(AT_ONCE)) as made:
        theirs = contestants.run_program(made)

        def ours() -> None:
            made.run()

        for number in AT_ONCE:
            runs = max(8, 2 * number)
            rounds = 1 if scale.quick else min(scale.turns, 3)
            names = f"Skillbox, {number} at once", f"{DOCKER_RUN}, {number} at once"
            times = take_turns(
                [
                    Contestant(names[0], together(ours, runs, number, made.settle)),
                    Contestant(names[1], together(theirs, runs, number, lambda: None)),
                ],
                rounds,
            )
            rates(part, names, times, runs)


def rates(
    part: Part, names: tuple[str, str], times: Mapping[str, Times], runs: int, budget: float | None = None
) -> None:
    """Tells how many runs a second two contestants made of so many in a turn, and the one's rate by the other's."""
    for name in names:
        if times[name].problem:
            part.fail(f"{name}: {times[name].problem}")
        else:
            part.figure(name, "runs/s", *(runs / seconds for seconds in times[name].values))
    if all(times[name].values for name in names):
        # Times are compared the other way round, so that the ratio is one of rates.
        found = compare(times[names[1]], times[names[0]])
        part.ratio(" / ".join(names), found, budget=budget, more_is_better=True)


def together(once: Callable[[], None], runs: int, at_once: int, settle: Callable[[], object]) -> Callable[[], None]:
    """Does it so many times, so many at once, until nothing is left of it."""

    def turn() -> None:
        with ThreadPoolExecutor(at_once) as pool:
            problems = [future.exception() for future in [pool.submit(once) for _ in range(runs)]]
        settle()
        if found := next((problem for problem in problems if problem), None):
            raise TurnError(str(found)) from found

    return turn
