"""What the UI shows of a batch: its log, how far it is, its table and its events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prefect import flow

from prefect_skillbox import skill
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen
from tests.prefect_skillbox.batches import ECHO, threads


def test_the_log_tells_inputs_apart_and_says_how_far_a_task_run_is(make_skill: MakeSkill) -> None:
    name = make_skill("import json, sys\nn = json.load(open('/sandbox/input.json'))\n"
                      "print('first of', n); print('second of', n)\nprint('::progress 50', file=sys.stderr)\n"
                      "if n == 3: raise ValueError('odd')\n"
                      "json.dump(n, open('/sandbox/out/output.json', 'w'))")  # fmt: skip

    @flow(task_runner=threads())
    def many() -> None:
        skill(name, raise_on_failure=False).batch([2, 3], size=5).result()

    state = many(return_state=True)
    wanted = "[skillbox: 2 of 2 inputs: 1 failed, 1 success]"
    logs = seen.logs(seen.run_id(state), lambda found: any(wanted in log.message for log in found))
    lines = [line for log in logs for line in log.message.splitlines()]
    for index, n in enumerate((2, 3)):
        assert [line for line in lines if line.startswith(f"[{index}] ") and " of " in line] == [
            f"[{index}] first of {n}", f"[{index}] second of {n}",
        ]  # fmt: skip
    assert "[1] [skillbox: exit: ValueError: odd (exit code 1)]" in lines
    key = f"batch-progress-{name}"
    found = seen.artifacts(seen.run_id(state), lambda found: key in found and float(found[key].data) == 100)
    assert found[key].description == f"`{name}`: `2 of 2 inputs: 1 failed, 1 success`"
    # No summary and no progress bar for each input.
    assert {artifact.type for artifact in found.values()} == {"progress", "table"}


@pytest.mark.parametrize("raises", [True, False])
def test_the_table_has_a_row_for_each_input(make_skill: MakeSkill, raises: bool) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=threads())
    def many() -> None:
        skill(name, raise_on_failure=raises).batch(iter([1, 2, 3, 4]), size=3).wait()

    state = many(return_state=True)
    key = f"batch-{name}"

    def table(found: dict[str, Any]) -> list[dict[str, Any]]:
        return json.loads(found[key].data) if isinstance(found[key].data, str) else found[key].data

    done = f"`{name}` over 4 inputs: 4 ended (1 failed: exit, 3 success)"
    found = seen.artifacts(seen.run_id(state), lambda found: key in found and found[key].description == done)
    assert found[key].description == done
    rows = [(row["input"], row["status"], row["error"], len(row["execution"])) for row in table(found)]
    assert rows == [
        (0, "success", "", 32),
        (1, "success", "", 32),
        (2, "failed: exit", "`the skill ended with exit code 7`", 32),
        (3, "success", "", 32),
    ]


def test_each_execution_has_its_events(make_skill: MakeSkill) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=threads())
    def many() -> list[str]:
        return [result.execution_id for result in skill(name).batch([1, 2]).result()]

    for execution in many():
        resource = f"skillbox.execution.{execution}"
        found = seen.events(lambda found: len(found) >= 2, resource=resource)
        assert [event.event.rsplit(".", 1)[1] for event in found] == ["started", "succeeded"]
        assert {"flow-run", "task-run"} <= {related.role for related in found[0].related}
