"""What the parts do in a turn, where that needs no engine."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from skillbox_core import Settings
from skillbox_core.installation import Installation
from skillbox_core.status import Status
from tests.benchmarks.commands import Asked, filled, lists, used
from tests.benchmarks.steady import held
from tests.benchmarks.throughput import together
from tests.benchmarks.turns import TurnError


def test_an_installation_is_filled_with_as_many_records_and_skills_as_are_listed_then(tmp_path: Path) -> None:
    variables = filled(tmp_path, "", 7, 3)
    settings = Settings(home=Path(variables["SKILLBOX_HOME"]), instance="x", db_dsn="", s3_endpoint="")
    installation = Installation.from_settings(settings)
    assert len(installation.executions.list("default", limit=100)) == 7
    assert len(installation.executions.list("default", status=Status.SUCCESS, limit=100)) == 5
    assert [installation.registry.load("default", f"skill-000{n}", "1.0.0").manifest.name for n in range(3)] == [
        "skill-0000",
        "skill-0001",
        "skill-0002",
    ]


def test_a_command_is_measured_by_the_processor_time_of_what_it_starts() -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass\nprint(1)"
    assert used(Asked([sys.executable, "-I", "-S", "-c", busy]))() == pytest.approx(0.2, abs=0.15)


def test_a_command_that_fails_is_no_turn() -> None:
    with pytest.raises(TurnError, match="it ended with 3: no such"):
        used(Asked([sys.executable, "-c", "import sys; print('no such', file=sys.stderr); sys.exit(3)"]))()


def test_a_list_that_shows_fewer_rows_than_its_name_says_is_no_turn() -> None:
    command = [sys.executable, "-I", "-S", "-c", "print('skill-0001\\nskill-0002 skill-0002')"]
    assert used(Asked(command, rows=2))() >= 0
    with pytest.raises(TurnError, match="it showed 2 of 3 rows"):
        used(Asked(command, rows=3))()


def test_lists_show_as_many_as_their_names_say(tmp_path: Path) -> None:
    # More than the page of 100 that `skill list` shows by itself.
    asked = lists(filled(tmp_path, "", 21, 101), 21, 101)
    assert {name: one.rows for name, one in asked.items()} == {
        "exec list, the last 20 of 21 records": 20,
        "skill list, all of 101 skills": 101,
        "skill list --json, all of 101 skills": 101,
    }
    for one in asked.values():
        used(one)()


def test_so_many_are_done_and_waited_for_so_many_at_once() -> None:
    meeting, done = threading.Barrier(4, timeout=20), []

    def once() -> None:
        meeting.wait()
        done.append("run")

    together(once, 8, 4, lambda: done.append("settled"))()
    assert done == ["run"] * 8 + ["settled"]


def test_one_of_many_that_fails_fails_the_turn_after_the_others() -> None:
    left, settled = iter(["", "a run failed", ""]), []

    def once() -> None:
        if why := next(left):
            raise TurnError(why)

    with pytest.raises(TurnError, match="a run failed"):
        together(once, 3, 1, lambda: settled.append(1))()
    assert (next(left, None), settled) == (None, [1])


def test_what_a_process_holds_is_seen(tmp_path: Path) -> None:
    before = held()
    with (tmp_path / "file").open("w"):
        assert held()["open files"] == before["open files"] + 1
    assert before["MB of memory"] > 5
    assert before["threads"] >= 1
