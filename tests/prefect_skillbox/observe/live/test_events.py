"""Events that automations can react to, and the automations, on the real server."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.events import ResourceSpecification, emit_event
from prefect.events.actions import PauseDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.flow_engine import run_flow
from prefect.states import Running

from prefect_skillbox import run_skill, skill
from prefect_skillbox.flows.automations import HEARTBEAT, apply, dead_workers, memory_hogs
from prefect_skillbox.observe import event_batch, events
from skillbox_core import RunResult, Status
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen

ANSWER = "open('/sandbox/out/output.json', 'w').write('{}')"
SCRIPTS = {
    "succeeded": f"import os; print(os.environ['KEY']); {ANSWER}",
    "failed": "raise SystemExit(3)",
    "oom": "x = bytearray(200 << 20)",
    "timed-out": "import time; time.sleep(60)",
}
FRONT = {"oom": "resources: {memory: 16Mi, scratch: 16Mi}", "timed-out": "timeout: 1s"}


def test_runs_tell_when_they_start_and_how_they_end(make_skill: MakeSkill) -> None:
    names = {ending: make_skill(script, front=FRONT.get(ending, "")) for ending, script in SCRIPTS.items()}
    tasks = [skill(name, env={"KEY": "canary-5ecret"}, raise_on_failure=False) for name in names.values()]

    @flow
    def watched() -> list[RunResult]:
        return [task({"note": "canary-1nput"}) for task in tasks]

    state = watched(return_state=True)
    for (ending, name), result in zip(names.items(), state.result(), strict=True):
        found = seen.events(lambda found: len(found) > 1, resource=f"skillbox.execution.{result.execution_id}")
        assert [event.event for event in found] == ["skillbox.execution.started", f"skillbox.execution.{ending}"]
        for event in found:
            related = {one.role: one.id for one in event.related}
            assert related["flow-run"] == f"prefect.flow-run.{seen.run_id(state)}"
            assert related["skill"] == f"skillbox.skill.default.{name}"
            assert related["tenant"] == "skillbox.tenant.default"
            assert related.keys() >= {"task-run", "flow"}
            assert (event.resource["skillbox.skill"], event.resource.name) == (name, f"{name}@1.0.0")
            assert "canary" not in event.model_dump_json()
        assert found[1].payload["duration_ms"] > 0


def test_trouble_with_events_is_a_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(*_event: object) -> None:
        raise RuntimeError("no events today")

    monkeypatch.setattr(event_batch.outbox, "post", refuse)
    events.emit_ended(RunResult(execution_id="0" * 32, status=Status.CANCELLED))
    assert "no events today" in caplog.text


@pytest.fixture
def automation() -> Iterator[AutomationCore]:
    """One of our automations under a name of its own, taken away again."""
    made = memory_hogs().model_copy(update={"name": f"test {uuid.uuid4().hex}"})
    yield made
    with get_client(sync_client=True) as client:
        for one in client.read_automations_by_name(made.name):
            client.delete_automation(one.id)


def test_applying_an_automation_again_changes_the_one_that_is_there(automation: AutomationCore) -> None:
    assert apply(automation) == "created"
    assert apply(automation.model_copy(update={"description": "changed"})) == "updated"
    with get_client(sync_client=True) as client:
        (there,) = client.read_automations_by_name(automation.name)
        assert there.description == "changed"
        assert isinstance(there.actions[0], PauseDeployment)
        client.pause_automation(there.id)
        apply(automation)
        (there,) = client.read_automations_by_name(automation.name)
        assert not there.enabled, "who switched it off meant it"


def test_a_deployment_whose_skill_runs_out_of_memory_three_times_is_paused(
    make_skill: MakeSkill, automation: AutomationCore
) -> None:
    name = make_skill(SCRIPTS["oom"], front=FRONT["oom"])
    assert apply(automation) == "created"
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(run_skill), f"test {name}")

        def paused() -> bool:
            return bool(client.read_deployment(deployment).paused)

        for _ in range(3):
            assert not paused()
            run = client.create_flow_run_from_deployment(deployment, parameters={"skill": name})
            run_flow(run_skill, run, parameters={"skill": name}, return_type="state")
        assert seen.eventually(paused, bool, seconds=90)
        client.delete_deployment(deployment)


SLEEPER = """
import sys, time
from prefect import flow
from prefect.runtime import flow_run
@flow(name=sys.argv[1])
def sleeper():
    print(flow_run.id, flush=True)
    time.sleep(600)
sleeper()
"""


def test_the_run_of_a_dead_worker_is_crashed_and_that_of_a_living_one_is_not() -> None:
    name = f"sleeper-{uuid.uuid4().hex}"
    automation = dead_workers(timedelta(seconds=10)).model_copy(update={"name": f"test {name}"})
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow_from_name(name)
        # Ten seconds are too short for real runs: only those of this test are looked at.
        assert isinstance(automation.trigger, EventTrigger)
        automation.trigger.match_related = ResourceSpecification.model_validate(
            {"prefect.resource.id": f"prefect.flow.{flow_id}", "prefect.resource.role": "flow"}
        )
        apply(automation)
        living = client.create_flow_run(flow(lambda: None, name=name), state=Running())
        worker = subprocess.Popen([sys.executable, "-c", SLEEPER, name], stdout=subprocess.PIPE, text=True)
        try:
            assert worker.stdout is not None
            dead = uuid.UUID(worker.stdout.readline().strip())
            assert seen.events(bool, prefix=HEARTBEAT, resource=f"prefect.flow-run.{dead}")
        finally:
            worker.kill()
            worker.wait()

        def beat_on() -> str:
            emit_event(
                HEARTBEAT,
                {"prefect.resource.id": f"prefect.flow-run.{living.id}"},
                related=[{"prefect.resource.id": f"prefect.flow.{flow_id}", "prefect.resource.role": "flow"}],
            )
            return str(client.read_flow_run(dead).state_type)

        assert "CRASHED" in seen.eventually(beat_on, lambda state: "RUNNING" not in state, seconds=60)
        assert client.read_flow_run(dead).state.message == "Its worker is dead: no heartbeat for 10 s."  # type: ignore[union-attr]
        assert client.read_flow_run(living.id).state_name == "Running"
        (there,) = client.read_automations_by_name(automation.name)
        client.delete_automation(there.id)
