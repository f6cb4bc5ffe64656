"""What is said of a cold run: figures, ratios to those that took part to the end, and where its time went."""

from __future__ import annotations

from unittest import mock

from tests.benchmarks import cold
from tests.benchmarks.contestants import DOCKER_RUN, ORIGINAL
from tests.benchmarks.ground import Ground
from tests.benchmarks.report import Part
from tests.benchmarks.turns import Times
from tests.benchmarks.watch import REST, Spans


def ours(**within: list[float]) -> cold.Cold:
    made = cold.Cold(mock.Mock(spec=Ground), Spans())
    made.within.update(within)
    return made


def times(value: float, settled: float, problem: str = "") -> Times:
    return Times({1: value, 2: value}, [settled, settled], problem)


def test_of_who_cleared_up_afterwards_both_times_are_said() -> None:
    part = Part("cold")
    found = {cold.SKILLBOX: times(0.2, 0.3), DOCKER_RUN: times(0.4, 0.401), ORIGINAL: times(0.4, 0.4)}
    cold.report(part, found, ours())
    said = {figure.name: round(figure.value) for figure in part.figures}
    assert said == {
        cold.SKILLBOX: 200,
        f"{cold.SKILLBOX}, until its container is gone": 300,
        DOCKER_RUN: 400,
        ORIGINAL: 400,
    }
    assert [(ratio.name, ratio.value, ratio.budget) for ratio in part.ratios] == [
        (f"{cold.SKILLBOX} / {DOCKER_RUN}", 0.5, cold.BUDGET),
        (f"{cold.SKILLBOX} / {ORIGINAL}", 0.5, cold.BUDGET),
    ]


def test_a_package_that_failed_is_passed_over_with_the_reason_and_has_no_ratio() -> None:
    part = Part("cold")
    cold.report(part, {cold.SKILLBOX: times(0.2, 0.2), "another": times(0.1, 0.1, "no answer")}, ours())
    assert (part.failures, part.skipped, part.ratios) == ([], {"another": "no answer"}, [])


def test_one_of_ours_that_failed_fails_the_part() -> None:
    part = Part("cold")
    found = {cold.SKILLBOX: times(0.2, 0.2, "a run failed"), DOCKER_RUN: times(0.4, 0.4)}
    cold.report(part, found, ours())
    assert (part.failures, part.ratios) == ([f"{cold.SKILLBOX}: a run failed"], [])


def test_the_parts_of_a_run_stand_in_their_order_without_the_first_turn() -> None:
    part = Part("cold")
    cold.report(
        part, {cold.SKILLBOX: times(0.2, 0.2)}, ours(**{REST: [9, 0.01], "start": [9, 0.1], "record": [9, 0.02]})
    )
    parts = [(figure.name, figure.value) for figure in part.figures if figure.name.startswith("of it")]
    assert parts == [("of it: record", 20), ("of it: start", 100), (f"of it: {REST}", 10)]
