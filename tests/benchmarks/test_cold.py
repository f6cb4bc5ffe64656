"""What is said of a cold run: figures, ratios to those that took part to the end, and where its time went."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest

from skillbox_core import Settings
from tests.benchmarks import cold, contestants, job
from tests.benchmarks.ground import Ground
from tests.benchmarks.names import COMMAND, DOCKER_RUN, ORIGINAL, SKILLBOX, UNTIL_GONE
from tests.benchmarks.peers import PEERS
from tests.benchmarks.report import Part
from tests.benchmarks.turns import Times, TurnError
from tests.benchmarks.watch import REST, Spans


def ours(**within: list[float]) -> cold.Cold:
    made = cold.Cold(mock.Mock(spec=Ground), Spans())
    made.within.update(within)
    return made


def times(value: float, settled: float, problem: str = "") -> Times:
    return Times({1: value, 2: value}, [settled, settled], problem)


def test_of_who_cleared_up_afterwards_both_times_are_said() -> None:
    part = Part("cold")
    found = {SKILLBOX: times(0.2, 0.3), DOCKER_RUN: times(0.4, 0.401), ORIGINAL: times(0.4, 0.4)}
    cold.report(part, found, ours())
    said = {figure.name: round(figure.value) for figure in part.figures}
    assert said == {
        SKILLBOX: 200,
        f"{SKILLBOX}, until its container is gone": 300,
        DOCKER_RUN: 400,
        ORIGINAL: 400,
    }


def test_a_ratio_to_one_that_clears_up_in_its_turn_has_one_until_the_container_is_gone_beside_it() -> None:
    part = Part("cold")
    (airflow,) = (peer.name for peer in PEERS if peer.clears)
    found = {SKILLBOX: times(0.2, 0.3)}
    found |= dict.fromkeys((DOCKER_RUN, ORIGINAL, airflow), times(0.4, 0.4)) | {"another": times(0.1, 0.6)}
    cold.report(part, found, ours())
    assert [(ratio.name, round(ratio.value, 3), ratio.budget) for ratio in part.ratios] == [
        (f"{SKILLBOX} / {DOCKER_RUN}", 0.5, cold.BUDGET),
        (f"{SKILLBOX}{UNTIL_GONE} / {DOCKER_RUN}", 0.75, None),
        (f"{SKILLBOX} / {ORIGINAL}", 0.5, cold.BUDGET),
        (f"{SKILLBOX}{UNTIL_GONE} / {ORIGINAL}", 0.75, None),
        (f"{SKILLBOX} / {airflow}", 0.5, None),
        (f"{SKILLBOX}{UNTIL_GONE} / {airflow}", 0.75, None),
        (f"{SKILLBOX} / another", 2, None),
    ]


def test_the_command_stands_beside_the_other_command() -> None:
    part = Part("cold")
    found = {SKILLBOX: times(0.2, 0.3), DOCKER_RUN: times(0.4, 0.4), COMMAND: times(0.8, 1.0)}
    cold.report(part, found, ours())
    assert [(ratio.name, round(ratio.value, 3)) for ratio in part.ratios[2:]] == [
        (f"{COMMAND} / {DOCKER_RUN}", 2),
        (f"{COMMAND}{UNTIL_GONE} / {DOCKER_RUN}", 2.5),
    ]


def test_the_command_is_run_in_the_installation_of_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "skillbox"
    # As this checkout's own .env would have it.
    monkeypatch.setenv("SKILLBOX_DB_DSN", "postgresql://elsewhere")
    ground = mock.Mock(spec=Ground, cpu="2", runner=mock.Mock())
    ground.runner.installation.settings = Settings(home=tmp_path, instance="bench-1", db_dsn="", s3_endpoint="")
    monkeypatch.setattr(contestants, "PROGRAM", str(file))
    made = contestants.skillbox_run(ground)
    file.write_text(
        f"""#!/bin/sh
[ "$*" = 'run word-count --input {json.dumps(job.INPUT)} --cpu 2' ] || exit 2
[ "$SKILLBOX_HOME,$SKILLBOX_INSTANCE,$SKILLBOX_DB_DSN,$SKILLBOX_S3_ENDPOINT" = "{tmp_path},bench-1,," ] || exit 3
echo '{{{job.ANSWER}}}'
"""
    )
    file.chmod(0o755)
    made.turn()
    file.write_text("#!/bin/sh\necho no engine >&2\nexit 4\n")
    with pytest.raises(TurnError, match="`skillbox run` ended with 4: no engine"):
        made.turn()


def test_a_package_that_failed_is_passed_over_with_the_reason_and_has_no_ratio() -> None:
    part = Part("cold")
    cold.report(part, {SKILLBOX: times(0.2, 0.2), "another": times(0.1, 0.1, "no answer")}, ours())
    assert (part.failures, part.skipped, part.ratios) == ([], {"another": "no answer"}, [])


def test_one_of_ours_that_failed_fails_the_part() -> None:
    part = Part("cold")
    found = {SKILLBOX: times(0.2, 0.2, "a run failed"), DOCKER_RUN: times(0.4, 0.4)}
    cold.report(part, found, ours())
    assert (part.failures, part.ratios) == ([f"{SKILLBOX}: a run failed"], [])


def test_the_parts_of_a_run_stand_in_their_order_without_the_first_turn() -> None:
    part = Part("cold")
    cold.report(part, {SKILLBOX: times(0.2, 0.2)}, ours(**{REST: [9, 0.01], "start": [9, 0.1], "record": [9, 0.02]}))
    parts = [(figure.name, figure.value) for figure in part.figures if figure.name.startswith("of it")]
    assert parts == [("of it: record", 20), ("of it: start", 100), (f"of it: {REST}", 10)]
