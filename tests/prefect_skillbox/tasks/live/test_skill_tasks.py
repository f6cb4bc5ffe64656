"""Skills in Prefect, against a real server: the states, the logs, the artifacts and the nesting a user sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.states import State
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import run_skill, skill
from skillbox_core import (
    ExecutionFailedError,
    ExecutionTimeoutError,
    Reason,
    Runner,
    RunResult,
    SkillNotFoundError,
)
from skillbox_core.errors import DatabaseError, EngineError, InvalidRequestError, StorageError
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen


def _flow_run_id(state: State[Any]) -> uuid.UUID:
    run_id = state.state_details.flow_run_id
    assert run_id is not None
    return run_id


def _task_runs(run_id: uuid.UUID) -> dict[str, str]:
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
    return {run.name: run.state_type.value if run.state_type else "" for run in runs}


@pytest.mark.parametrize(
    ("name", "given", "uploads"),
    [("split-table", {"rows": [{"n": "1"}], "by": "n"}, True), ("word-count", {"text": "one two two"}, False)],
)
def test_a_skill_is_a_task_whose_steps_are_nested_tasks(runner: Runner, name: str, given: Any, uploads: bool) -> None:
    @flow
    def once() -> RunResult:
        return skill(name)(given)

    state = once(return_state=True)
    result = state.result()
    assert bool(result.files_list) is uploads
    steps = ["load-skill", "create-container", "wait", "collect-output", *["upload-artifacts"] * uploads, "cleanup"]
    expected = {name, f"{name} · create-record"} | {f"{name}@{result.version} · {step}" for step in steps}
    run_id, give_up = _flow_run_id(state), time.monotonic() + 30
    # The server records task runs from events, a moment after they happened.
    while (seen := _task_runs(run_id)) != dict.fromkeys(expected, "COMPLETED") and time.monotonic() < give_up:
        time.sleep(0.2)
    assert seen == dict.fromkeys(expected, "COMPLETED")


def test_results_pass_from_skill_to_skill_by_submit_and_map(runner: Runner) -> None:
    counter, splitter = skill("word-count"), skill("split-table")

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
    def compose() -> list[RunResult]:
        rows = [{"kind": "a", "n": 1}, {"kind": "b", "n": 2}]
        split = splitter.submit({"rows": rows, "by": "kind"})
        counts = counter.map([{"text": "x"}, {"text": "x y"}, {"text": "x y z"}])
        return [split.result(), *(count.result() for count in counts)]

    split, *counts = compose()
    assert set(split.files_list) >= {"groups/a.csv", "groups/b.csv"}
    assert [count.output["total_words"] for count in counts] == [1, 2, 3]


def test_a_future_stands_for_the_output_of_its_skill(runner: Runner, make_skill: MakeSkill) -> None:
    add = skill(make_skill("import json; d=json.load(open('/sandbox/input.json')); "
                           "json.dump({'n': d['from']['n'] + 1}, open('/sandbox/out/output.json','w'))"))  # fmt: skip

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def chain() -> int:
        first = add.submit({"from": {"n": 1}})
        second = add.submit({"from": first})
        return second.result().output["n"]

    assert chain() == 3


def test_a_failed_skill_raises_an_error_that_carries_its_result(runner: Runner) -> None:
    failing = skill("always-fails")

    @flow
    def fails() -> None:
        failing({})

    with pytest.raises(ExecutionFailedError) as caught:
        fails()
    assert caught.value.result.reason is Reason.EXIT
    assert "step 1" in caught.value.result.logs


def test_a_failure_can_be_taken_as_a_result(runner: Runner) -> None:
    lenient = skill("always-fails", raise_on_failure=False)

    @flow
    def takes() -> RunResult:
        return lenient({})

    assert takes().reason is Reason.EXIT


def test_a_timeout_is_prefects_timed_out(runner: Runner) -> None:
    slow = skill("slow", timeout="1s")

    @flow
    def too_slow() -> State[Any]:
        return slow({"seconds": 30}, return_state=True)

    state = too_slow(return_state=True).result(raise_on_failure=False)
    inner = state if isinstance(state, State) else None
    if inner is None:
        assert isinstance(state, ExecutionTimeoutError)
    else:
        assert inner.name == "TimedOut"


def test_prefects_retries_run_a_failed_skill_again_as_a_new_execution(runner: Runner) -> None:
    failing = skill("always-fails", retries=1)

    @flow
    def fails() -> None:
        failing({})

    before = len(runner.installation.executions.list("default", skill="always-fails", limit=100))
    with pytest.raises(ExecutionFailedError):
        fails()
    assert len(runner.installation.executions.list("default", skill="always-fails", limit=100)) == before + 2


def test_all_calls_of_a_flow_run_get_the_version_that_the_first_one_got(runner: Runner, tmp_path: Path) -> None:
    counter = skill("counted@^1")

    def push(version: str) -> None:
        text = f"---\nname: counted\nversion: {version}\ndescription: d\nlang: python\n---\n"
        with zipfile.ZipFile(tmp_path / "counted.zip", "w") as archive:
            archive.writestr("SKILL.md", text)
            archive.writestr("main.py", "open('/sandbox/out/output.json','w').write('1')")
        runner.installation.registry.push("default", tmp_path / "counted.zip")

    @flow
    def twice(newer: str) -> list[str]:
        first = counter({})
        push(newer)
        return [first.version, counter({}).version]

    push("1.0.0")
    assert twice(newer="1.1.0") == ["1.0.0", "1.0.0"]
    assert twice(newer="1.2.0") == ["1.1.0", "1.1.0"]


@pytest.mark.parametrize("reference", ["chart@>=1", "chart@1.x", "no such name", ""])
def test_a_mistyped_reference_is_refused_where_it_stands(reference: str) -> None:
    with pytest.raises(InvalidRequestError):
        skill(reference)


def test_run_skill_is_a_flow_for_deployments(runner: Runner) -> None:
    result = run_skill("word-count", {"text": "a b"})
    assert (result["status"], result["output"]["total_words"]) == ("success", 2)
    with pytest.raises(SkillNotFoundError):
        run_skill("no-such-skill")


def test_an_input_as_json_text_keeps_the_order_of_its_keys(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill("import shutil; shutil.copy('/sandbox/input.json', '/sandbox/out/output.json')")
    text = '{"species":"a","bill":1.50,"island":{"z":1,"y":2}}'
    result = run_skill(name, input_json=text)
    assert json.dumps(result["output"], separators=(",", ":")) == text.replace("1.50", "1.5")
    row = runner.installation.executions.get("default", result["execution_id"])
    assert row.input == row.output == text.replace("1.50", "1.5")
    with pytest.raises(InvalidRequestError, match="input_json has an object with a duplicate key"):
        run_skill(name, input_json='{"a": 1, "a": 2}')
    with pytest.raises(InvalidRequestError, match="only one of them"):
        run_skill(name, input={}, input_json="{}")


def test_logs_and_a_summary_are_in_the_ui(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill("import json,sys; print('to out'); print('to err', file=sys.stderr); "
                      "json.dump({'<b>': '```'}, open('/sandbox/out/output.json','w'))")  # fmt: skip
    state = run_skill(name, return_state=True)
    run_id, give_up = _flow_run_id(state), time.monotonic() + 30
    with get_client(sync_client=True) as client:
        levels: dict[str, int] = {}
        # Logs travel in batches, every two seconds.
        while not {"to out", "to err"} <= levels.keys() and time.monotonic() < give_up:
            logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id])))
            levels = {log.message: log.level for log in logs}
            time.sleep(0.2)
        assert (levels["to out"], levels["to err"]) == (20, 30)
    artifact = seen.artifacts(run_id, lambda found: f"skill-{name}" in found)[f"skill-{name}"]
    text = str(artifact.data)
    assert "| status | success |" in text
    assert "to out" in text
    assert "````text" in text, "a skill's backticks must not end the block they stand in"


@pytest.mark.parametrize("fault", [EngineError("x"), StorageError("x"), DatabaseError("x")])
def test_infrastructure_is_retried_and_answers_are_not(fault: Exception) -> None:
    from prefect.states import Failed

    from prefect_skillbox.execution.step_tasks import is_retryable

    def verdict(error: Exception) -> bool:
        return is_retryable(None, None, Failed(data=error))  # type: ignore[arg-type]

    assert verdict(fault)
    assert not verdict(InvalidRequestError("x"))
    assert not verdict(ValueError("x"))


@pytest.mark.parametrize(
    "imports",
    ["import prefect; from prefect_skillbox import skill", "from prefect_skillbox import skill; import prefect"],
)
def test_the_installations_server_is_used_whichever_is_imported_first(imports: str, tmp_path: Path) -> None:
    (tmp_path / ".skillbox").mkdir()
    (tmp_path / ".skillbox" / ".env").write_text("PREFECT_API_URL=http://127.0.0.1:1/api\n")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "SKILLBOX_"))}
    code = f"{imports}; print(prefect.settings.get_current_settings().api.url)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert done.stdout.strip() == "http://127.0.0.1:1/api", done.stderr
