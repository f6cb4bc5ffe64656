"""The harness: who takes part in which round, what counts, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.benchmarks.turns import (
    Contestant,
    Times,
    TurnError,
    compare,
    failures,
    quantile,
    rounds_within,
    take_turns,
    takes_part,
)


class Clock:
    """A clock that goes on when somebody does something."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def takes(self, seconds: float) -> Callable[[], None]:
        def act() -> None:
            self.now += seconds

        return act


def test_each_round_begins_with_another_contestant() -> None:
    order: list[str] = []
    take_turns([Contestant(name, lambda name=name: order.append(name)) for name in "abc"], 2)
    assert "".join(order) == "abcbcacab"


def test_the_first_turn_is_not_counted() -> None:
    clock, took = Clock(), iter([50.0, 2.0, 3.0])
    contestant = Contestant("a", lambda: clock.takes(next(took))())
    assert take_turns([contestant], 2, clock=clock)["a"].values == [2.0, 3.0]


def test_where_nothing_is_cold_every_turn_counts() -> None:
    clock, took = Clock(), iter([2.0, 3.0])
    contestant = Contestant("a", lambda: clock.takes(next(took))())
    assert take_turns([contestant], 2, warm=True, clock=clock)["a"].values == [2.0, 3.0]


def test_to_settle_is_not_part_of_a_turn() -> None:
    clock = Clock()
    found = take_turns([Contestant("a", clock.takes(1.0), clock.takes(10.0))], 3, clock=clock)["a"]
    assert found.values == [1.0, 1.0, 1.0]
    assert found.settled == [11.0, 11.0, 11.0]
    assert found.clearing == [10.0, 10.0, 10.0]


def test_what_a_turn_measured_itself_counts_instead_of_its_time() -> None:
    clock = Clock()

    def turn() -> float:
        clock.now += 5
        return 0.25

    assert take_turns([Contestant("a", turn)], 2, clock=clock)["a"].values == [0.25, 0.25]


def test_one_that_fails_takes_no_more_part_and_the_others_go_on() -> None:
    turns = iter(["", "", "out of memory"])

    def fails() -> None:
        if why := next(turns):
            raise TurnError(why)

    found = take_turns([Contestant("bad", fails), Contestant("good", lambda: None)], 4)
    assert len(found["good"].values) == 4
    assert len(found["bad"].values) == 1
    assert failures(found) == {"bad": "out of memory"}


def test_one_that_does_not_settle_has_failed() -> None:
    def left() -> None:
        raise TurnError("a container was left")

    assert failures(take_turns([Contestant("a", lambda: None, left)], 2)) == {"a": "a container was left"}


def test_a_slow_one_takes_part_in_fewer_rounds_spread_over_all() -> None:
    clock = Clock()
    slow, quick = Contestant("slow", clock.takes(1.0), clock.takes(9.0)), Contestant("quick", clock.takes(0.5))
    found = take_turns([slow, quick], 20, budget=50, clock=clock)
    assert list(found["slow"].of_round) == [4, 8, 12, 16, 20]
    assert len(found["quick"].values) == 20


@pytest.mark.parametrize(
    ("took", "rounds", "budget", "share"),
    [(1, 20, 60, 20), (3, 20, 60, 20), (4, 20, 60, 15), (10, 20, 60, 6), (100, 20, 60, 3), (100, 2, 60, 2)],
)
def test_how_many_rounds_there_is_time_for(took: float, rounds: int, budget: float, share: int) -> None:
    assert rounds_within(took, rounds, budget) == share


@pytest.mark.parametrize(("share", "rounds"), [(1, 1), (1, 7), (3, 7), (7, 7), (3, 20)])
def test_as_many_rounds_as_its_share_are_its_own(share: int, rounds: int) -> None:
    assert sum(takes_part(number, share, rounds) for number in range(1, rounds + 1)) == share


@pytest.mark.parametrize(
    ("values", "part", "found"),
    [([5.0], 0.9, 5.0), ([1.0, 3.0], 0.5, 2.0), ([4.0, 1.0, 3.0, 2.0, 5.0], 0.25, 2.0), ([1.0, 2.0], 0.1, 1.1)],
)
def test_quantiles(values: list[float], part: float, found: float) -> None:
    assert quantile(values, part) == pytest.approx(found)


def test_there_is_no_quantile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


def test_a_ratio_is_of_the_medians_of_the_rounds_that_both_took_part_in() -> None:
    ours, theirs = Times({1: 1.0, 2: 3.0, 3: 2.0}), Times({2: 4.0, 3: 4.0, 9: 100.0})
    found = compare(ours, theirs)
    assert found.value == 0.625
    assert (found.low, found.high) == (0.5625, 0.6875)


def test_there_is_no_ratio_of_those_who_shared_no_round() -> None:
    with pytest.raises(ValueError, match="no round together"):
        compare(Times({1: 1.0}), Times({2: 4.0}))
