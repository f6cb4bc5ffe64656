"""The part `waiting` on a real engine: all that it promises to say is there; a cold run passes for no waiting one."""

from __future__ import annotations

import pytest

from tests.benchmarks import waiting
from tests.benchmarks.ground import Scale, ground
from tests.benchmarks.names import DOCKER_RUN, SKILLBOX, WAITING
from tests.benchmarks.report import Part
from tests.benchmarks.turns import TurnError
from tests.benchmarks.watch import REST, watched


def test_a_waiting_run_is_measured_beside_a_cold_one_and_docker_run_and_then_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "QUICK_RUNS", 8)
    part = Part("waiting")
    waiting.measure(Scale(2, quick=True), part)
    assert part.failures == []
    figures = {figure.name: figure for figure in part.figures}
    assert all(figures[name].turns == 2 for name in (WAITING, SKILLBOX, DOCKER_RUN))
    assert figures["after it: a container is made ahead"].turns >= 2
    budgets = {ratio.name: ratio.budget for ratio in part.ratios}
    many = f"{WAITING}, 4 at once", f"{DOCKER_RUN}, 4 at once"
    assert budgets == {
        f"{WAITING} / {DOCKER_RUN}": 0.25,
        f"{WAITING} / {DOCKER_RUN}, p95": 0.4,
        f"{WAITING} / {SKILLBOX}": None,
        " / ".join(many): 1.1,
    }
    assert 0 < figures[f"{many[0]}, those that found one"].value <= 100
    for name in ("claim", "skill", "close", REST):
        assert f"of it: {name}" in figures
    assert "of it: start" not in figures, "a container was started while the caller waited"
    parts = sum(figure.value for name, figure in figures.items() if name.startswith("of it: "))
    assert parts == pytest.approx(figures[WAITING].value, rel=0.1)


def test_a_run_that_found_no_container_waiting_is_no_turn() -> None:
    part = Part("waiting")
    with ground(part) as made, watched(waiting.CALLS) as spans:
        turns = waiting.Waiting(made, spans)
        turns.turn()
        with pytest.raises(TurnError, match="no container waits for the next run"):
            turns.settle()
    assert part.failures == []
