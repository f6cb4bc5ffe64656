"""The reconciler as a flow: it takes what nobody looks after, shows it, and never harms the living."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.states import Cancelled, Completed, Crashed, Failed, Running, State

from prefect_skillbox import cleanup_orphans
from prefect_skillbox.flows.reconciler import SETTLED, ends_as
from skillbox_core import Runner, RunOptions, RunRequest, RunResult, Settings, Status
from skillbox_core.base.quantities import CPU_PERIOD_US
from skillbox_core.errors import DatabaseError
from skillbox_core.models import Execution, Verdict
from skillbox_core.operations.orphans import carry_out, end_owner, find_orphans
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox.container import LABEL_EXECUTION, LABEL_OWNER
from skillbox_core.sandbox.waiting import PREFIX, Kind, make_waiting
from skillbox_core.storage.execution_writes import ExecutionStore
from skillbox_core.storage.waiting_records import NewWaiting
from tests.prefect_skillbox import seen
from tests.services.process import free_port


@pytest.fixture
def alone(installation: Settings, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A runner of an installation of its own on the same engine, whose reconciler does not wait."""
    settings = installation.model_copy(update={"instance": f"test-{uuid.uuid4().hex[:12]}"})
    monkeypatch.setenv("SKILLBOX_INSTANCE", settings.instance)
    monkeypatch.setattr("prefect_skillbox.flows.reconciler.SETTLED", timedelta(0))
    alone = Runner.from_settings(settings)
    yield alone
    for container in alone.installation.engine.containers({"skillbox.instance": settings.instance}):
        alone.installation.engine.remove(container["Id"])


@flow
def somebody() -> None:
    """Stands for a user's flow."""


def _owner(*states: State[Any]) -> str:
    with get_client(sync_client=True) as client:
        run_id = client.create_flow_run(somebody).id
        for state in states:
            client.set_flow_run_state(run_id, state, force=True)
    return str(run_id)


def _abandoned(runner: Runner, owner: str) -> Execution:
    """A run whose worker went away when the skill had started."""
    steps, request = (
        Steps(
            runner.installation,
        ),
        RunRequest(skill="slow", input={"seconds": 100}),
    )
    options = RunOptions(owner=owner, key=uuid.uuid4().hex)
    execution = steps.create_record(request, options)
    skill = steps.load_skill(execution, options)
    steps.create_container(execution, skill, request, options)
    return execution


def _owners(runner: Runner) -> set[str]:
    found = runner.installation.engine.containers({"skillbox.instance": runner.installation.settings.instance})
    return {container["Labels"][LABEL_OWNER] for container in found}


def test_it_ends_what_cancelled_and_lost_flow_runs_left_and_leaves_all_others(alone: Runner, runner: Runner) -> None:
    cancelled = _abandoned(alone, _owner(Running(), Cancelled()))
    lost = _abandoned(alone, _owner(Running(), Crashed()))
    living = [_owner(Running()), _owner(Running(), Completed()), _owner(Running(), Failed()), "not-a-flow-run"]
    for owner in living:
        _abandoned(alone, owner)
    neighbours = _abandoned(runner, _owner(Running(), Cancelled()))

    expected = {("container", cancelled.id), ("record", cancelled.id), ("container", lost.id), ("record", lost.id)}
    planned = cleanup_orphans(dry_run=True)
    assert {(o["kind"], o["execution_id"]) for o in planned} == expected
    assert len(_owners(alone)) == 6, "a dry run touched something"

    state = cleanup_orphans(return_state=True)
    assert {(o["kind"], o["execution_id"]) for o in state.result() if o["done"]} == expected
    assert _owners(alone) == set(living)
    assert alone.installation.executions.get("default", cancelled.id).status == Status.CANCELLED
    assert alone.installation.executions.get("default", lost.id).status == Status.FAILED
    assert alone.installation.executions.get("default", neighbours.id).status == Status.RUNNING
    with get_client(sync_client=True) as client:
        run = ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id])
        (artifact,) = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=run))
    rows = json.loads(str(artifact.data))
    assert {(row["kind"], row["execution"], row["outcome"]) for row in rows} == {(*e, "gone") for e in expected}
    assert cleanup_orphans() == []
    (event,) = seen.events(bool, resource=f"skillbox.execution.{lost.id}")
    assert event.event == "skillbox.execution.orphan-removed"
    assert {one.role: one.id for one in event.related}["owner"].startswith("prefect.flow-run.")
    Steps(
        runner.installation,
    ).cleanup(neighbours, Verdict(Status.CANCELLED))


def test_two_at_once_do_it_once_and_neither_fails(alone: Runner) -> None:
    abandoned = [_abandoned(alone, _owner(Running(), Cancelled())) for _ in range(3)]
    states: list[State[Any]] = []
    threads = [threading.Thread(target=lambda: states.append(cleanup_orphans(return_state=True))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [state.is_completed() for state in states] == [True, True], states
    assert _owners(alone) == set()
    assert {alone.installation.executions.get("default", e.id).status for e in abandoned} == {Status.CANCELLED}


def test_containers_that_waited_in_vain_are_taken_away_and_called_so(
    alone: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    installation, settings = alone.installation, alone.installation.settings
    image = installation.engine.image(settings.image_aliases.get("bash:5", "bash:5"))
    assert image is not None
    kind = Kind(image.id, 64 << 20, 32 << 20, CPU_PERIOD_US, "", 60, image="bash:5")
    over, waits = (f"{PREFIX}{uuid.uuid4().hex}" for _ in range(2))
    for name, seconds in ((over, 0), (waits, 60)):
        facts = (kind.digest, "bash:5", image.id, 64 << 20, 32 << 20, 1, "a shell")
        new = NewWaiting(settings.instance, installation.engine.name, name, *facts)
        assert installation.waiting.enter(new, seconds=seconds, most=2)
        make_waiting(installation.engine, name, kind, users=settings.sandbox_users, instance=settings.instance)
        assert installation.waiting.ready(name)

    state = cleanup_orphans(return_state=True)
    assert [(o["kind"], o["name"], o["execution_id"], o["done"]) for o in state.result()] == [
        ("waiting", over, "", True)
    ]
    assert "1 orphans, 1 of them containers that waited for a job in vain, 0 still there" in caplog.text
    with get_client(sync_client=True) as client:
        run = ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id])
        (artifact,) = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=run))
    assert artifact.description == "1 containers that waited for a job in vain"
    (row,) = json.loads(str(artifact.data))
    assert (row["kind"], row["name"], row["outcome"]) == ("waiting container", over, "gone")
    assert row["why"].startswith("nobody took it, and its time is over since ")
    left = [row.name for row in installation.waiting.listed(settings.instance, installation.engine.name)]
    assert left == [waits]
    assert installation.engine.inspect(waits)["State"]["Running"]


def test_what_a_later_try_takes_over_between_plan_and_deed_is_left(alone: Runner) -> None:
    owner = uuid.uuid4().hex
    execution = _abandoned(alone, owner)
    found = find_orphans(alone.installation, lambda owners: dict.fromkeys(owners, Status.FAILED))
    assert {orphan.kind for orphan in found} == {"container", "record"}
    again = RunOptions(owner=owner, owner_attempt=1, key=uuid.uuid4().hex)
    taken = Steps(alone.installation).create_record(RunRequest(skill="slow", input={"seconds": 100}), again)
    assert (taken.id, taken.result) == (execution.id, None)
    assert carry_out(alone.installation, found) == []
    assert alone.installation.executions.get("default", execution.id).status == Status.RUNNING
    assert len(alone.installation.engine.containers({LABEL_OWNER: owner})) == 1
    assert {orphan.done for orphan in end_owner(alone.installation, owner, Status.CANCELLED)} == {True}


def test_what_is_taken_over_while_others_are_cleaned_up_is_left(alone: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = uuid.uuid4().hex
    both = {_abandoned(alone, owner).id for _ in range(2)}
    found = find_orphans(alone.installation, lambda owners: dict.fromkeys(owners, Status.FAILED))
    taken, close = [], ExecutionStore.close

    def close_and_take_over(store: ExecutionStore, execution: Execution, verdict: Verdict) -> RunResult:
        closed = close(store, execution, verdict)
        again = RunOptions(owner=owner, owner_attempt=1, key=uuid.uuid4().hex)
        taken.append(
            Steps(alone.installation).create_record(RunRequest(skill="slow", input={"seconds": 100}), again).id
        )
        return closed

    monkeypatch.setattr(ExecutionStore, "close", close_and_take_over)
    done = carry_out(alone.installation, found)
    assert len(taken) == 1
    assert {(orphan.kind, orphan.execution_id) for orphan in done} == {
        (kind, id) for kind in ("record", "container") for id in both - set(taken)
    }
    monkeypatch.undo()
    left = alone.installation.engine.containers({LABEL_OWNER: owner})
    assert [container["Labels"][LABEL_EXECUTION] for container in left] == taken
    end_owner(alone.installation, owner, Status.CANCELLED)


def test_without_the_database_it_says_so_and_touches_nothing(alone: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = _owner(Running(), Cancelled())
    _abandoned(alone, owner)
    with _unretried(), monkeypatch.context() as patch:
        patch.setenv("SKILLBOX_DB_DSN", f"postgresql://skillbox@127.0.0.1:{free_port()}/none")
        with pytest.raises(DatabaseError, match="the database failed"):
            cleanup_orphans()
    assert _owners(alone) == {owner}
    assert len(cleanup_orphans()) == 2


@contextmanager
def _unretried() -> Iterator[None]:
    """Retrying would take its time and change nothing."""
    from prefect_skillbox.flows.reconciler import plan

    retries, plan.retries = plan.retries, 0
    try:
        yield
    finally:
        plan.retries = retries


def test_only_what_was_cancelled_or_lost_a_while_ago_is_over() -> None:
    ago = datetime.now(UTC) - SETTLED
    assert ends_as(Cancelled(timestamp=ago), datetime.now(UTC)) is Status.CANCELLED
    assert ends_as(Crashed(timestamp=ago), datetime.now(UTC)) is Status.FAILED
    for state in (
        Cancelled(),
        Crashed(),
        Running(timestamp=ago),
        Failed(timestamp=ago),
        Completed(timestamp=ago),
        None,
    ):
        assert ends_as(state, datetime.now(UTC)) is None
