"""Why a skill failed, wherever Prefect shows it: the state's message, the log, the summary, the event and the table."""

from __future__ import annotations

import json
import logging
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import skill
from skillbox_core import ExecutionFailedError
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen

WHY = "ValueError: bad row 17 (exit code 1)"
RAISES = """import sys, time
for row in range(20): print("row", row)
def work(): raise ValueError("bad row 17")
work()
"""


def test_a_failures_own_line_is_in_all_that_prefect_shows_of_it(make_skill: MakeSkill) -> None:
    name = make_skill(RAISES)
    raises = skill(name)

    @flow
    def fails() -> None:
        raises({})

    state = fails(return_state=True)
    run = seen.run_id(state)
    with get_client(sync_client=True) as client:
        read = client.read_flow_run(run)
    assert str(read.state and read.state.message).endswith(f"ExecutionFailedError: {WHY}")
    error = state.result(raise_on_failure=False)
    assert isinstance(error, ExecutionFailedError)
    assert error.result.error == WHY
    found = seen.artifacts(run, lambda found: f"skill-{name}" in found)
    summary = str(found[f"skill-{name}"].data)
    assert f"\n{WHY}\n" in summary
    assert "The last lines of stderr:" in summary
    assert "container's memory limit" in summary
    (event,) = seen.events(
        lambda found: [one for one in found if one.event.endswith(".failed")],
        resource=f"skillbox.execution.{error.result.execution_id}",
    )[-1:]
    assert event.payload["diagnosis"] == {"category": "exit", "summary": WHY, "resolution": ""}
    assert event.payload["error"] == WHY
    records = seen.logs(run, lambda found: any("ValueError: bad row 17" in log.message for log in found))
    traceback = [log.message for log in records if log.message.startswith("Traceback") and "main.py" in log.message]
    assert len(traceback) == 1
    assert traceback[0].endswith("\nValueError: bad row 17")
    assert "row" not in traceback[0].replace("bad row 17", "")


def test_the_way_out_is_in_the_states_message(make_skill: MakeSkill) -> None:
    lonely = skill(make_skill("import socket; socket.getaddrinfo('data.invalid', 80)"))

    @flow
    def fails() -> None:
        lonely({})

    message = str(fails(return_state=True).message)
    assert "gaierror: [Errno -3] Temporary failure in name resolution (exit code 1) (skills have no network" in message


def test_the_table_of_a_batch_says_why(make_skill: MakeSkill) -> None:
    name = make_skill(RAISES)
    raises = skill(name)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def batch() -> None:
        for future in raises.map([1, 2]):
            future.wait()

    def rows(found: dict[str, Any]) -> list[dict[str, Any]]:
        data = found[f"batch-{name}"].data
        return json.loads(data) if isinstance(data, str) else data

    run = seen.run_id(batch(return_state=True))
    found = seen.artifacts(run, lambda found: f"batch-{name}" in found and len(rows(found)) == 2)
    assert [row["error"] for row in rows(found)] == [f"`{WHY}`"] * 2


def test_a_success_is_warned_of_what_happened_to_it(make_skill: MakeSkill) -> None:
    name = make_skill(
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'bytearray(900 << 20)'])\n"
        "open('/sandbox/out/output.json', 'w').write('{}')",
        front="resources:\n  memory: 64Mi\n  scratch: 16Mi",
    )
    survives = skill(name)

    @flow
    def goes_on() -> None:
        survives({})

    state = goes_on(return_state=True)
    assert state.is_completed()
    run = seen.run_id(state)
    said = "the skill succeeded, but the kernel killed one of its processes for memory"
    found = seen.artifacts(run, lambda found: f"skill-{name}" in found)
    summary = str(found[f"skill-{name}"].data)
    assert "## Warning" in summary
    assert said in summary
    records = seen.logs(run, lambda found: any(said in log.message for log in found))
    assert [log.level for log in records if said in log.message] == [logging.WARNING]
