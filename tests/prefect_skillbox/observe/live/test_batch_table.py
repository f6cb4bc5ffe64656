"""The table of a mapped batch: a row for each input, whatever became of it and whoever ran it."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.futures import PrefectConcurrentFuture
from prefect.states import Cancelled, Completed, Failed, State
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from prefect_skillbox import skill
from prefect_skillbox.observe.batch_table import row
from skillbox_core import RunResult, Status
from skillbox_core.models import ExecutionError
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen


def dask() -> TaskRunner[Any]:
    from prefect_dask import DaskTaskRunner

    return DaskTaskRunner(cluster_kwargs={"n_workers": 1, "threads_per_worker": 2, "processes": False,
                                          "dashboard_address": None})  # fmt: skip


RUNNERS: dict[str, Callable[[], TaskRunner[Any]]] = {
    "threads": lambda: ThreadPoolTaskRunner(max_workers=2),
    "processes": lambda: ProcessPoolTaskRunner(max_workers=1),
    "dask": dask,
}


@pytest.mark.parametrize("kind", RUNNERS)
def test_each_input_of_a_mapped_skill_has_its_row(make_skill: MakeSkill, kind: str) -> None:
    name = make_skill(
        "import json; n = json.load(open('/sandbox/input.json'))\n"
        "if n == 2: raise SystemExit(7)\n"
        "open('/sandbox/out/files/a.txt', 'w').write('x'); json.dump(n, open('/sandbox/out/output.json', 'w'))"
    )
    mapped = skill(name)

    @flow(task_runner=RUNNERS[kind]())
    def batch() -> None:
        for future in mapped.map([0, 1, 2]):
            future.wait()

    key = f"batch-{name}"

    def table(found: dict[str, Any]) -> list[dict[str, Any]]:
        return json.loads(found[key].data) if isinstance(found[key].data, str) else found[key].data

    state = batch(return_state=True)
    found = seen.artifacts(seen.run_id(state), lambda found: key in found and len(table(found)) == 3)
    assert [
        (row["input"], row["status"], row["files"], row["error"], row["seconds"] > 0, len(row["execution"]))
        for row in table(found)
    ] == [
        (0, "success", 1, "", True, 32),
        (1, "success", 1, "", True, 32),
        (2, "failed: exit", 0, "`the skill ended with exit code 7`", True, 32),
    ]
    assert found[key].description == f"`{name}` over 3 inputs: 3 ended (1 failed: exit, 2 success)"


def _ended(state: State[Any]) -> PrefectConcurrentFuture[Any]:
    inner: Future[Any] = Future()
    inner.set_result(state)
    return PrefectConcurrentFuture(uuid4(), inner)


RESULT = RunResult(execution_id="0" * 32, status=Status.FAILED, error="=1+1 `x`\n[a](b)")


@pytest.mark.parametrize(
    ("ended", "status", "error"),
    [
        (Failed(data=ExecutionError.of(RESULT)), "failed", "`` =1+1 `x` [a](b) ``"),
        (Completed(data=RESULT), "failed", "`` =1+1 `x` [a](b) ``"),
        (Cancelled(message="stopped"), "cancelled", ""),
        (Failed(data=ValueError("odd")), "failed", "`odd`"),
        (Completed(data="not a result"), "completed", ""),
    ],
)
def test_a_row_says_what_can_be_known_and_shows_it_as_text(ended: State[Any], status: str, error: str) -> None:
    for one in (ended, _ended(ended)):
        made = row(3, one)
        assert (made["input"], made["status"]) == (3, status)
        assert made["error"] == error or status == "cancelled"


def test_a_batch_whose_futures_are_dropped_by_the_pool_still_has_rows() -> None:
    inner: Future[Any] = Future()
    inner.cancel()
    assert row(0, PrefectConcurrentFuture(uuid4(), inner))["status"] in ("unknown", "pending")
