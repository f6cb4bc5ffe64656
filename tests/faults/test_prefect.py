"""The same faults, seen from Prefect: the step is retried, the UI shows it, and the run succeeds."""

from __future__ import annotations

import os
import threading
import time
from typing import Any
from uuid import UUID, uuid4

import docker
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.states import State
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import skill
from skillbox_core import ExecutionFailedError, Reason, RunResult, Status
from skillbox_core.sandbox import engine
from skillbox_core.sandbox.container import LABEL_EXECUTION
from tests.faults.world import SKILL, World, push
from tests.services.faults import Fault
from tests.services.settling import containers_left

CASES: dict[str, tuple[str, str, Fault]] = {
    "create-record": ("database", r"INSERT INTO executions", Fault.LOST_REPLY),
    "load-skill": ("store", r"GET .*/skill\.zip", Fault.ERROR),
    "create-container": ("engine", r"POST .*/containers/create", Fault.LOST_REPLY),
    "create-container, its start": ("engine", r"POST .*/start", Fault.LOST_REPLY),
    "collect-output": ("engine", r"POST .*/exec/.*/start", Fault.HALF_ANSWER),
    "upload-artifacts": ("store", r"PUT .*/files\.tar\.gz", Fault.ERROR),
    "cleanup": ("database", r"UPDATE executions SET status", Fault.LOST_REPLY),
}


@pytest.fixture(autouse=True)
def _this_world(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.environ.get("PREFECT_API_URL"), "`make test` starts the server that these tests need"
    # No fault of these is a silence, and a step that met a busy engine would be counted as tried again.
    monkeypatch.setattr(engine, "REQUEST_TIMEOUT", 20)
    for name in (
        *("home", "instance", "docker_host", "db_dsn", "s3_endpoint", "s3_access_key", "s3_secret_key"),
        *("s3_bucket_skills", "s3_bucket_executions"),
    ):
        monkeypatch.setenv(f"SKILLBOX_{name.upper()}", str(getattr(world.settings, name)))
    for cached in (world.settings.home / "cache" / "skills").glob("**/*.zip"):
        cached.unlink()


def _run_counts(state: State[Any], settled: dict[str, int]) -> dict[str, int]:
    """How often each step ran, as the server recorded it, once it has recorded what is expected or time is up."""
    run_id: UUID | None = state.state_details.flow_run_id
    assert run_id is not None
    give_up = time.monotonic() + 20
    with get_client(sync_client=True) as client:
        while True:
            runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
            seen = {run.name.partition(" · ")[2]: run.run_count for run in runs if " · " in run.name}
            if seen == settled or time.monotonic() > give_up:
                return seen
            time.sleep(0.2)


@pytest.mark.parametrize("case", CASES)
def test_a_step_that_failed_is_run_again_and_the_ui_says_so(
    world: World, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, pattern, fault = CASES[case]
    monkeypatch.setenv("SKILLBOX_INLINE_OUTPUT", str("exec" not in pattern))
    marked = skill(SKILL)

    @flow
    def once() -> RunResult:
        return marked({"seconds": 0})

    proxy = getattr(world, part)
    # Botocore tries again by itself, once and at once.
    proxy.inject(fault, pattern, times=2 if part == "store" and fault is Fault.ERROR else 1)
    state = once(return_state=True)
    result = state.result()
    assert result.status is Status.SUCCESS
    world.assert_right(result)
    steps = ("create-record", "load-skill", "create-container", "wait", "collect-output", "upload-artifacts", "cleanup")
    expected = {step: 2 if step == case.partition(",")[0] else 1 for step in steps}
    assert _run_counts(state, expected) == expected


def test_what_lasts_ends_as_infrastructure_after_the_last_retry(world: World) -> None:
    world.engine.inject(Fault.ERROR, r"POST .*/containers/create", times=99)
    marked = skill(SKILL)

    @flow
    def once() -> None:
        marked({"seconds": 0})

    state = once(return_state=True)
    with pytest.raises(ExecutionFailedError) as caught:
        state.result()
    result = caught.value.result
    assert result.reason is Reason.INFRASTRUCTURE
    world.assert_right(result, starts=0)
    expected = {"create-record": 1, "load-skill": 1, "create-container": 4, "cleanup": 1}
    assert _run_counts(state, expected) == expected


def test_what_policy_refuses_is_not_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILLBOX_IMAGE_ALLOWLIST", "python:3.12-slim")
    marked = skill(SKILL)

    @flow
    def once() -> None:
        marked({"seconds": 0})

    state = once(return_state=True)
    with pytest.raises(ExecutionFailedError) as caught:
        state.result()
    assert caught.value.result.reason is Reason.POLICY
    expected = {"create-record": 1, "load-skill": 1, "cleanup": 1}
    assert _run_counts(state, expected) == expected


STUBBORN = {
    "ignores signals": "trap '' TERM INT HUP USR1; while :; do :; done",
    "has stopped its supervisor's clock": "pkill -STOP sleep || for p in /proc/[0-9]*; do "
    "grep -q sleep $p/comm && kill -STOP ${p#/proc/}; done; while :; do :; done",
    "hides in the background": "(setsid sh -c \"trap '' TERM; while :; do :; done\" &); sleep 60",
}


@pytest.mark.by_itself
@pytest.mark.parametrize("script", STUBBORN.values(), ids=STUBBORN)
def test_the_deadline_holds_within_two_seconds_for_a_skill_in_a_thread(world: World, script: str) -> None:
    name = f"stubborn-{uuid4().hex[:8]}"
    push(world.outside, name, f"echo begun\n{script}\n")
    stubborn = skill(name, timeout="2s", raise_on_failure=False)
    begun, ended = threading.Event(), threading.Event()
    ends: list[float] = []
    events = docker.APIClient(world.outside.installation.engine.url, version="auto").events(
        decode=True, filters={"event": ["start", "die"], "label": f"skillbox.skill={name}@1.0.0"}
    )

    def watch() -> None:
        for event in events:
            ends.append(event["timeNano"] / 1e9)
            (begun if event["Action"] == "start" else ended).set()
            if event["Action"] == "die":
                return

    threading.Thread(target=watch, daemon=True).start()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def submitted() -> RunResult:
        return stubborn.submit({}).result()

    result = submitted()
    assert result.status is Status.TIMEOUT, result
    assert ended.wait(10)
    # From the container's start, which is before the skill's.
    assert ends[1] - ends[0] < 2.0 + 2.0 + 0.5
    assert containers_left(world.outside.installation.engine, {LABEL_EXECUTION: result.execution_id}) == []
