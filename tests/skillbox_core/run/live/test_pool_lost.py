"""Containers that waited and were taken: by two workers at once, and by workers who are lost."""

from __future__ import annotations

import threading
import uuid

import pytest

from skillbox_core import CancelToken, Reason, Runner, RunOptions, RunRequest, Status
from skillbox_core.errors import EngineError
from skillbox_core.models import Verdict
from skillbox_core.operations import orphan_rules, orphans
from skillbox_core.operations.orphan_rules import Orphan
from skillbox_core.operations.orphans import cleanup_orphans, end_owner, find_orphans
from skillbox_core.run import pool
from skillbox_core.sandbox import container as sandbox_container
from skillbox_core.sandbox.container import LABEL_INSTANCE
from skillbox_core.sandbox.waiting import PREFIX, make_waiting
from tests.services import pools
from tests.services.pools import ahead, begun, record, waiting
from tests.services.settling import containers_left, settle


@pytest.mark.parametrize("there", [2, 1, 0])
def test_two_workers_with_one_key_have_one_effect(worker: Runner, there: int) -> None:
    """Both find one that waits, or only one of them, or none."""
    pools.drain(worker.installation)
    for _ in range(there):
        pool.refill(worker.installation, pools.kind_of(worker, "slow"))
    options, results = RunOptions(key=uuid.uuid4().hex), []
    barrier = threading.Barrier(2)

    def run() -> None:
        own = Runner.from_settings(worker.installation.settings)
        barrier.wait(30)
        results.append(own.run(RunRequest(skill="slow"), options))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    first, second = results
    assert (first.status, first.output, first.logs) == (Status.SUCCESS, second.output, second.logs), results
    assert first.execution_id == second.execution_id
    assert first.logs == f"begun {first.output[0]}\n"
    assert record(worker, first.execution_id).attempt == 1
    settle()
    names = {f"/{name}" for name in waiting(worker.installation)}
    mine = {LABEL_INSTANCE: worker.installation.settings.instance}
    assert {n for c in worker.installation.engine.containers(mine) for n in c["Names"]} == names


def test_a_lost_workers_container_is_adopted_with_its_log_from_the_first_line(worker: Runner) -> None:
    name, key = ahead(worker, "slow"), uuid.uuid4().hex
    _, execution, _, sandbox = begun(worker, "slow", key=key)
    assert sandbox.name == name
    # What comes after a worker is lost finds the others alone.
    assert find_orphans(worker.installation) == []
    result = worker.run(RunRequest(skill="slow"), RunOptions(key=key))
    assert (result.execution_id, result.status, result.logs) == (
        execution.id,
        Status.SUCCESS,
        f"begun {result.output[0]}\n",
    )
    row = record(worker, execution.id)
    assert (row.claimed, row.attempt) == (name, 1)
    settle()
    assert not worker.installation.engine.remove(name), "it was left"


def test_a_record_that_names_anything_else_adopts_nothing(worker: Runner) -> None:
    """Labels can't say whose one that waited is; but that it waited, and for which installation."""
    engine, instance = worker.installation.engine, worker.installation.settings.instance
    cold = Runner.from_settings(worker.installation.settings.model_copy(update={"pool_max": 0}))
    _, execution, _, sandbox = begun(cold, key=uuid.uuid4().hex)
    waits = ahead(worker, "slow")
    for name, whose in ((sandbox.name, instance), (waits, "another")):
        with pytest.raises(EngineError, match="belongs to somebody else"):
            sandbox_container.adopt(engine, name, token="0" * 32, instance=whose, claimed=True)
    with pytest.raises(EngineError, match="belongs to somebody else"):
        sandbox_container.adopt(engine, waits, token="0" * 32, instance=instance)
    worker.installation.executions.close(execution, Verdict(Status.FAILED))
    assert engine.remove(sandbox.name)
    assert engine.inspect(waits)["State"]["Running"]


def test_one_that_was_lost_while_its_skill_ran_is_another_attempt(worker: Runner) -> None:
    name, key = ahead(worker, "for-ever"), uuid.uuid4().hex
    _, execution, _, _ = begun(worker, "for-ever", key=key)
    worker.installation.engine.remove(name)
    token = CancelToken()
    result = worker.run(
        RunRequest(skill="for-ever"), RunOptions(key=key), on_log=lambda *_: token.cancel(), cancel=token
    )
    assert (result.execution_id, result.status) == (execution.id, Status.CANCELLED)
    assert record(worker, execution.id).attempt == 2


@pytest.mark.parametrize("next_one", ["waits", "is made"])
def test_one_that_was_taken_and_given_nothing_is_not_used_again(
    worker: Runner, next_one: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, key = ahead(worker, "slow"), uuid.uuid4().hex
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skillbox_core.run.steps.hand_over", lambda *_: (_ for _ in ()).throw(EngineError("lost")))
        with pytest.raises(EngineError, match="lost"):
            begun(worker, "slow", key=key)
    if next_one == "waits":
        pool.refill(worker.installation, pools.kind_of(worker, "slow"))
    others = waiting(worker.installation)
    monkeypatch.setattr(sandbox_container, "DELIVERY_TIMEOUT", 0.2)
    result = worker.run(RunRequest(skill="slow"), RunOptions(key=key))
    assert result.status is Status.SUCCESS, result
    row = record(worker, result.execution_id)
    assert (row.attempt, row.claimed) == (1, others[0] if others else None)
    settle()
    for left in (name, row.claimed or f"skillbox-{row.id}-1"):
        assert not worker.installation.engine.remove(left), f"{left} was left"


def test_the_end_of_an_owner_is_the_end_of_what_it_has_taken(worker: Runner) -> None:
    name = ahead(worker, "for-ever")
    _, execution, _, _ = begun(worker, owner="flow", key=uuid.uuid4().hex)
    pool.refill(worker.installation, pools.kind_of(worker, "for-ever"))
    (other,) = waiting(worker.installation)
    ended = end_owner(worker.installation, "flow", Status.CANCELLED)
    assert [(orphan.kind, orphan.name, orphan.done) for orphan in ended] == [
        ("record", execution.id, True),
        ("container", name, True),
    ]
    assert record(worker, execution.id).status == Status.CANCELLED
    assert not worker.installation.engine.remove(name), "it was left"
    assert waiting(worker.installation) == [other]
    assert worker.installation.engine.inspect(other)["State"]["Running"]


def test_one_that_was_taken_stays_its_takers_where_its_maker_heard_nothing_of_it(
    worker: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = worker.installation
    pools.drain(installation)
    ready, taken = installation.waiting.ready, []

    def unheard(name: str) -> bool:
        assert ready(name)
        taken.append(begun(worker, owner="taker", key=uuid.uuid4().hex)[3])
        raise EngineError("the answer is lost")

    monkeypatch.setattr(installation.waiting, "ready", unheard)
    pool.refill(installation, pools.kind_of(worker, "for-ever"))
    (sandbox,) = taken
    assert sandbox.name.startswith(PREFIX)
    assert installation.engine.inspect(sandbox.name)["State"]["Running"]
    end_owner(installation, "taker", Status.CANCELLED)


def _raw(worker: Runner, name: str) -> None:
    """One that no record knows."""
    settings, kind = worker.installation.settings, pools.kind_of(worker, "answers")
    make_waiting(worker.installation.engine, name, kind, users=settings.sandbox_users, instance=settings.instance)


def test_the_reconciler_removes_what_nobody_can_take_and_no_other(
    worker: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = worker.installation
    taken = ahead(worker, "for-ever")
    _, execution, _, _ = begun(worker, key=uuid.uuid4().hex)
    pool.refill(installation, pools.kind_of(worker, "for-ever"))
    (waits,) = waiting(installation)
    unknown = f"skillbox-waiting-{uuid.uuid4().hex}"
    _raw(worker, unknown)
    made = f"skillbox-waiting-{uuid.uuid4().hex}"
    facts = {"instance": installation.settings.instance, "engine": installation.engine.name, "kind": "k"}
    assert pools.enter(installation.waiting, made, most=4, **facts)
    _raw(worker, made)
    # Being made, waiting, taken and running: nobody's orphans, nor is one that may be made in this moment.
    assert find_orphans(installation) == []
    monkeypatch.setattr(orphan_rules, "UNKNOWN", -5.0)
    pool.refill(installation, pools.kind_of(worker, "for-ever"))
    (late,) = set(waiting(installation)) - {waits}
    pools.end_time(worker, late)
    done = cleanup_orphans(installation)
    assert {(one.kind, one.name, one.done) for one in done} == {("waiting", unknown, True), ("waiting", late, True)}
    assert not installation.engine.remove(unknown)
    assert not installation.engine.remove(late)
    assert waiting(installation) == [waits]
    # One that was taken between the plan and its being carried out is its taker's.
    planned = [Orphan("waiting", name, "", "as planned a moment ago") for name in (waits, made)]
    _, second, _, _ = begun(worker, key=uuid.uuid4().hex)
    assert record(worker, second.id).claimed == waits
    done = orphans.carry_out(installation, planned)
    assert [(one.name, one.done) for one in done] == [(made, True)]
    assert installation.engine.inspect(waits)["State"]["Running"]
    # Taken, and its skill over.
    for one, name in ((execution, taken), (second, waits)):
        installation.executions.close(one, Verdict(Status.FAILED))
        monkeypatch.setattr(orphan_rules, "REMOVAL", 0.0)
        (found,) = cleanup_orphans(installation)
        assert (found.kind, found.name, found.execution_id, found.done) == ("container", name, one.id, True)
    assert containers_left(installation.engine, {LABEL_INSTANCE: installation.settings.instance}) == []


def test_one_that_somebody_renamed_goes_whether_it_was_taken_or_not(
    worker: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, token = worker.installation.engine, CancelToken()
    name, taken = ahead(worker, "for-ever"), f"renamed-{uuid.uuid4().hex}"

    def rename(*_: str) -> None:
        engine._api.rename(name, taken)
        token.cancel()

    result = worker.run(RunRequest(skill="for-ever"), on_log=rename, cancel=token)
    assert (result.status, record(worker, result.execution_id).claimed) == (Status.CANCELLED, name)
    assert not engine.remove(taken), "it was left"
    name, waits = ahead(worker, "answers"), f"renamed-{uuid.uuid4().hex}"
    engine._api.rename(name, waits)
    assert record(worker, worker.run(RunRequest(skill="answers")).execution_id).claimed is None
    settle()
    assert find_orphans(worker.installation) == [], "somebody may be making it"
    monkeypatch.setattr(orphan_rules, "UNKNOWN", -5.0)
    (orphan,) = cleanup_orphans(worker.installation)
    assert (orphan.kind, orphan.name, orphan.done) == ("waiting", waits, True)


def test_what_a_worker_is_lost_with_is_closed_when_its_time_is_over(
    worker: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ahead(worker, "for-ever")
    _, execution, _, _ = begun(worker, key=uuid.uuid4().hex)
    monkeypatch.setattr(orphans, "GRACE", -1_000_000.0)
    found = {(one.kind, one.name, one.done) for one in cleanup_orphans(worker.installation)}
    assert found == {("container", name, True), ("record", execution.id, True)}
    row = record(worker, execution.id)
    assert (row.status, row.reason) == (Status.FAILED, Reason.INFRASTRUCTURE)
