"""Taking turns: what is compared runs one after the other, round by round, so that a slow moment weighs on all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

FEWEST = 3
"""Rounds that even the slowest takes part in."""


class TurnError(Exception):
    """A turn went wrong; the message says how."""


@dataclass(frozen=True)
class Contestant:
    """One of the things that are compared.

    Attributes:
        turn: Does it once. What it returns counts instead of the time that it took, if that is not None.
        settle: Called after the turn and not measured: waits until nothing of it weighs on the next one.
    """

    name: str
    turn: Callable[[], float | None]
    settle: Callable[[], object] = lambda: None


@dataclass
class Times:
    """What a contestant took, by the number of the round; why it took no more part, if it did not.

    Attributes:
        settled: Seconds from the beginning of each turn until it had settled.
    """

    of_round: dict[int, float] = field(default_factory=dict)
    settled: list[float] = field(default_factory=list)
    problem: str = ""

    @property
    def clearing(self) -> list[float]:
        """Seconds from the end of each turn until it had settled."""
        return [settled - took for settled, took in zip(self.settled, self.values, strict=True)]

    def to_end(self) -> Times:
        """The same until each turn had settled, as what is compared."""
        return Times(dict(zip(self.of_round, self.settled, strict=True)), self.settled, self.problem)

    @property
    def values(self) -> list[float]:
        """In the order of the rounds."""
        return list(self.of_round.values())


@dataclass(frozen=True)
class Comparison:
    """A ratio of two medians, and the quartiles of what each round gave."""

    value: float
    low: float
    high: float


def take_turns(
    contestants: Sequence[Contestant],
    rounds: int,
    *,
    warm: bool = False,
    budget: float = float("inf"),
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Times]:
    """Lets each take part in so many rounds, after one that is not counted: it finds cold caches.

    Each round begins with another one, so that nobody always comes after the same neighbour. One whose turn goes wrong
    takes no more part; the others go on.

    Args:
        warm: Whether nothing is cold, so that all rounds count.
        budget: Seconds for each contestant, by the time of its first turn until it has settled. A slow one takes part
            in fewer rounds, which are spread evenly, but in three at least.
    """
    found = {contestant.name: Times() for contestant in contestants}
    share: dict[str, int] = {}
    for number in range(1 if warm else 0, rounds + 1):
        first = number % len(contestants) if contestants else 0
        for contestant in (*contestants[first:], *contestants[:first]):
            times = found[contestant.name]
            if times.problem or not takes_part(number, share.get(contestant.name, rounds), rounds):
                continue
            began = clock()
            try:
                measured = contestant.turn()
                took = clock() - began
                contestant.settle()
                settled = clock() - began
            except TurnError as error:
                times.problem = str(error)
                continue
            share.setdefault(contestant.name, rounds_within(settled, rounds, budget))
            if number:
                times.of_round[number] = took if measured is None else measured
                times.settled.append(settled)
    return found


def rounds_within(took: float, rounds: int, budget: float) -> int:
    """In how many of the rounds one takes part whose turn takes so many seconds."""
    if took * rounds <= budget:
        return rounds
    return min(rounds, max(FEWEST, int(budget / took)))


def takes_part(number: int, share: int, rounds: int) -> bool:
    """Whether a round is one of the `share` rounds that are spread over all from 1 on; 0 is for everybody."""
    return number == 0 or number * share // rounds > (number - 1) * share // rounds


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which this part of them lies, between two of them by their distance.

    Raises:
        ValueError: There are none.
    """
    if not values:
        raise ValueError("there is no quantile of no values")
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def compare(ours: Times, theirs: Times) -> Comparison:
    """What one took in terms of another: of the rounds that both took part in, by medians, with the quartiles of pairs.

    Raises:
        ValueError: There is no such round.
    """
    rounds = sorted(ours.of_round.keys() & theirs.of_round.keys())
    if not rounds:
        raise ValueError("they took part in no round together")
    mine, others = ([times.of_round[each] for each in rounds] for times in (ours, theirs))
    pairs = [one / other for one, other in zip(mine, others, strict=True)]
    return Comparison(statistics.median(mine) / statistics.median(others), quantile(pairs, 0.25), quantile(pairs, 0.75))


def failures(times: Mapping[str, Times]) -> dict[str, str]:
    """Why some took no more part, by name."""
    return {name: each.problem for name, each in times.items() if each.problem}
