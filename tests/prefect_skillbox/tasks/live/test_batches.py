"""A skill over many inputs in few task runs: order, failures, retries, laziness, and what the UI shows of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import polars
import pytest
from prefect import allow_failure, flow, get_run_logger, task, unmapped
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.exceptions import CancelledRun, MissingContextError
from prefect.futures import as_completed
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from prefect_skillbox import files_from, secret, skill
from prefect_skillbox.config.installation import installation_for, installation_settings
from prefect_skillbox.execution import cancellation
from skillbox_core import BatchFailedError, ExecutionFailedError, Reason, Runner, RunResult, SkillNotFoundError, Status
from skillbox_core.errors import DatabaseError, InvalidRequestError
from skillbox_core.models import ExecutionError
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen

ECHO = """
import json
n = json.load(open("/sandbox/input.json"))
print("line of", n)
if n in (3, "bad"): raise SystemExit(7)
json.dump(n, open("/sandbox/out/output.json", "w"))
"""
COPY = """
import json, os
given = {name: open("/sandbox/in/files/" + name).read() for name in os.listdir("/sandbox/in/files")}
for name, text in given.items(): open("/sandbox/out/files/" + name, "w").write(text)
json.dump(given, open("/sandbox/out/output.json", "w"))
"""


def _threads(workers: int = 4) -> ThreadPoolTaskRunner[Any]:
    return ThreadPoolTaskRunner(max_workers=workers)


def _task_runs(run_id: UUID) -> list[str]:
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
    return sorted(run.name for run in runs)


def _records(runner: Runner, name: str) -> list[str]:
    """The statuses of all executions of a skill."""
    return sorted(row.status for row in runner.installation.executions.list("default", skill=name, limit=1000))


def _outputs(results: list[RunResult]) -> list[Any]:
    return [result.output for result in results]


def test_results_come_in_the_order_of_the_inputs_from_one_task_run_for_each_part(
    runner: Runner, make_skill: MakeSkill
) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=_threads())
    def many() -> list[Any]:
        batch = skill(name).batch((10 * n for n in range(7)), size=3)
        outputs = _outputs(batch.result())
        assert batch.state.is_completed()
        assert _outputs(batch.state.result()) == outputs
        return outputs

    state = many(return_state=True)
    assert state.result() == [10 * n for n in range(7)]
    assert _records(runner, name) == ["success"] * 7
    runs = seen.eventually(lambda: _task_runs(seen.run_id(state)), lambda found: len(found) == 3)
    assert runs == [f"{name}[0-2]", f"{name}[3-5]", f"{name}[6]"]
