"""What a user reads of a run on stderr and in its log: nothing after a success, one error of ours for a failure."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prefect import flow

from prefect_skillbox import skill
from skillbox_core import Runner
from skillbox_core.sandbox.container import LABEL_SKILL
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen

pytestmark = pytest.mark.once

PROGRAM = Path(__file__).parent / "programs" / "noisy.py"
WORKS = 'open("/sandbox/out/output.json", "w").write("1")\n'
PREFECTS_OWN = re.compile(r"^\S+ \| WARNING \| EventsWorker - Still processing items: \d items remaining\.\.\.\n", re.M)
FAILS = 'print("reading")\nraise ValueError("no such column: price")\n'


def stderr_of(way: str, name: str) -> str:
    environment = {**os.environ, "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore"}
    command = [sys.executable, str(PROGRAM), way, name]
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False).stderr


# Prefect itself says "Still processing items" where an event of its own is on its way when the program ends, and counts
# the end as an item too (QueueService._main_loop, 3.9.1). So nothing else asks this server for anything; and where a
# task is the last that a program does, its end is such an event: an empty task alone said so in 12 programs of 12.
@pytest.mark.by_itself
@pytest.mark.parametrize("way", ["mapped", "batched", "outside", "late"])
def test_nothing_is_on_stderr_after_the_last_line_of_a_success(way: str, make_skill: MakeSkill) -> None:
    _, end, after = stderr_of(way, make_skill(WORKS)).partition("LAST LINE\n")
    if way == "outside":
        after = PREFECTS_OWN.sub("", after)
    assert (end, after) == ("LAST LINE\n", "")


def test_nothing_of_an_interpreter_that_shuts_down_is_told_after_a_cancel(
    make_skill: MakeSkill, runner: Runner, tmp_path: Path
) -> None:
    name, printed = make_skill("import time\ntime.sleep(60)\n"), tmp_path / "stderr"
    with printed.open("w") as stderr:
        process = subprocess.Popen([sys.executable, str(PROGRAM), "mapped", name], stderr=stderr)
    seen.eventually(lambda: runner.installation.engine.containers({LABEL_SKILL: f"{name}@1.0.0"}), bool)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    text = printed.read_text()
    assert "KeyboardInterrupt" in text
    assert "atexit" not in text


@pytest.mark.parametrize(
    ("script", "last"), [(FAILS, "ExecutionFailedError: "), ("", "SkillNotFoundError: there is no skill ")]
)
def test_an_error_of_a_skill_is_one_without_the_way_it_came(script: str, last: str, make_skill: MakeSkill) -> None:
    lines = stderr_of("called", make_skill(script) if script else "no-such-skill").splitlines()
    assert last in lines[-1]
    # Prefect tells it for the task run and for the flow run, then Python: each once, with no chain behind it.
    assert sum(last in line and not line[:1].isdigit() for line in lines) == 3
    assert not [line for line in lines if "During handling" in line or "direct cause" in line]
    ours = [line for line in lines if 'File "' in line and ("skillbox_core" in line or "prefect_skillbox" in line)]
    # Of our code only where the skill is called and where its task ends; 145 lines and 300 it was altogether.
    assert {line.split(", in ")[1] for line in ours} <= {"__call__", "run", "<module>", "called"}
    assert len(lines) < 90


def test_steps_that_went_well_are_in_the_log_for_those_who_ask(
    make_skill: MakeSkill, caplog: pytest.LogCaptureFixture
) -> None:
    count = skill(make_skill('print("Finished in state of mind")\n' + WORKS))

    @flow
    def once() -> None:
        count()

    once()
    said = [record.getMessage() for record in caplog.records if record.name == "prefect.task_runs"]
    assert said == ["Finished in state of mind", "Finished in state Completed()"], "the skill's line, and its task's"
    caplog.clear()
    logger = logging.getLogger("prefect.task_runs")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        once()
    finally:
        logger.setLevel(before)
    ended = [record for record in caplog.records if record.getMessage() == "Finished in state Completed()"]
    steps = [record for record in ended if record.name == "prefect.task_runs"]
    assert [record.levelname for record in steps].count("DEBUG") == 6
    assert [record.levelname for record in steps].count("INFO") == 1
