"""Events go in few requests, each related to its runs, and trouble with them is a line in the log."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.events import Event, RelatedResource, Resource
from prefect.exceptions import ObjectNotFound

from prefect_skillbox.observe import event_batch, events, outbox
from prefect_skillbox.observe.event_batch import AT_ONCE, MAX_RELATED, NOWHERE, Around, EventBatch, related
from skillbox_core import RunResult, Status

pytestmark = pytest.mark.once


class Server:
    """Notes what it is asked: events in requests, and objects by their ids.

    Args:
        lost: Kinds of objects that it has no more.
        refuses: Names of events that it takes in no request, and the code that it answers then.
    """

    def __init__(self, *lost: str, fails: int = 0, refuses: dict[str, int] | None = None) -> None:
        self._lost = lost
        self._refuses = refuses or {}
        self.asked = 0
        self._fails = fails
        self.requests: list[list[dict[str, Any]]] = []
        self.read: list[str] = []

    def request(self, method: str, path: str, *, content: str, headers: dict[str, str]) -> Any:
        assert (method, path, headers) == ("POST", "/events", {"Content-Type": "application/json"})
        if self._fails:
            self._fails -= 1
            raise ConnectionResetError("it went away")
        self.asked += 1
        events = json.loads(content)
        code = next((self._refuses[one["event"]] for one in events if one["event"] in self._refuses), 201)
        if code == 201:
            self.requests.append(events)
        return httpx.Response(code, request=httpx.Request(method, "http://127.0.0.1/events"))

    def __getattr__(self, name: str) -> Any:
        kind = name.removeprefix("read_")
        assert kind in ("flow", "flow_run", "deployment", "work_queue", "work_pool"), name

        def read(key: Any) -> Any:
            self.read.append(kind)
            if kind in self._lost:
                raise ObjectNotFound(ValueError("no such object"))
            if kind == "flow_run":
                return flow_run(key)
            return SimpleNamespace(id=key if kind != "work_pool" else "the id of a pool", name=f"a {kind}", tags=[kind])

        return read


FLOW = uuid.UUID(int=7)


def flow_run(key: uuid.UUID | None = None, **said: Any) -> FlowRun:
    return FlowRun(id=key or uuid.uuid4(), flow_id=FLOW, name="brave-run", tags=["nightly"], **said)


def task_run(key: uuid.UUID, **said: Any) -> TaskRun:
    return TaskRun(flow_run_id=key, task_key="t", dynamic_key="0", name="word-count", tags=["big"], **said)


def event(number: int = 0, **said: Any) -> Event:
    return Event(event=f"test.{number}", resource=Resource({"prefect.resource.id": f"test.{number}"}), **said)


def sent(batch: EventBatch, server: Server) -> list[list[dict[str, Any]]]:
    batch.send(server)  # type: ignore[arg-type]
    return server.requests


def test_what_waits_goes_in_one_request_and_once() -> None:
    batch, server = EventBatch(), Server()
    for number in range(AT_ONCE):
        assert batch.add(event(number), NOWHERE)
    (request,) = sent(batch, server)
    assert [one["event"] for one in request] == [f"test.{number}" for number in range(AT_ONCE)]
    assert len(sent(batch, server)) == 1, "nothing waits"
    batch.add(event(), NOWHERE)
    assert len(sent(batch, server)) == 2


def test_of_very_many_a_request_has_a_bounded_number() -> None:
    batch, server = EventBatch(), Server()
    for number in range(2 * AT_ONCE + 1):
        batch.add(event(number), NOWHERE)
    assert [len(request) for request in sent(batch, server)] == [AT_ONCE, AT_ONCE, 1]


def test_an_event_names_the_runs_around_it_what_they_are_of_and_all_tags() -> None:
    run = flow_run(deployment_id=uuid.UUID(int=1), work_queue_id=uuid.UUID(int=2), work_pool_name="pool")
    batch, server, task = EventBatch(), Server(), task_run(run.id)
    own = RelatedResource({"prefect.resource.id": "own", "prefect.resource.role": "skill"})
    batch.add(event(related=[own]), Around(run, task))
    ((said,),) = sent(batch, server)
    found = {one["prefect.resource.id"]: one["prefect.resource.role"] for one in said["related"]}
    assert found == {
        "own": "skill",
        f"prefect.flow-run.{run.id}": "flow-run",
        f"prefect.task-run.{task.id}": "task-run",
        f"prefect.flow.{FLOW}": "flow",
        f"prefect.deployment.{uuid.UUID(int=1)}": "deployment",
        f"prefect.work-queue.{uuid.UUID(int=2)}": "work-queue",
        "prefect.work-pool.the id of a pool": "work-pool",
        **{f"prefect.tag.{tag}": "tag" for tag in ("nightly", "big", "flow", "deployment", "work_queue", "work_pool")},
    }
    names = {one["prefect.resource.role"]: one.get("prefect.resource.name") for one in said["related"]}
    assert (names["flow-run"], names["task-run"], names["flow"]) == ("brave-run", "word-count", "a flow")


def test_what_a_run_is_of_is_read_once() -> None:
    run, server, batch = flow_run(deployment_id=uuid.uuid4()), Server(), EventBatch()
    for number in range(20):
        batch.add(event(number), Around(run, task_run(run.id)))
    sent(batch, server)
    batch.add(event(), Around(run))
    sent(batch, server)
    assert server.read == ["flow", "deployment"]


def test_where_only_the_task_run_is_known_its_flow_run_is_read_once() -> None:
    batch, server, key = EventBatch(), Server(), uuid.uuid4()
    for number in range(2):
        batch.add(event(number), Around(None, task_run(key)))
    (request,) = sent(batch, server)
    for said in request:
        assert f"prefect.flow-run.{key}" in {one["prefect.resource.id"] for one in said["related"]}
    assert server.read == ["flow_run", "flow"]


def test_a_deployment_that_was_deleted_meanwhile_is_left_out() -> None:
    batch, server, run = EventBatch(), Server("deployment"), flow_run(deployment_id=uuid.uuid4())
    for number in range(2):
        batch.add(event(number), Around(run))
    (request,) = sent(batch, server)
    assert {one["prefect.resource.role"] for one in request[1]["related"]} == {"flow-run", "flow", "tag"}
    assert server.read.count("deployment") == 1


def test_an_event_names_no_more_than_it_may_and_nothing_twice() -> None:
    run = flow_run()
    own = [
        RelatedResource({"prefect.resource.id": f"own.{number}", "prefect.resource.role": "asset"})
        for number in range(MAX_RELATED - 2)
    ]
    own.append(RelatedResource({"prefect.resource.id": f"prefect.flow-run.{run.id}", "prefect.resource.role": "x"}))
    batch, server = EventBatch(), Server()
    batch.add(event(related=own), Around(run))
    ((said,),) = sent(batch, server)
    ids = [one["prefect.resource.id"] for one in said["related"]]
    assert (len(ids), len(set(ids)), ids[-1]) == (MAX_RELATED, MAX_RELATED, f"prefect.flow.{FLOW}")


def test_without_objects_there_is_nothing_related() -> None:
    assert related([]) == []


def test_events_that_the_server_does_not_take_are_a_warning_and_the_next_are_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    batch, server = EventBatch(), Server(fails=1)
    batch.add(event(), NOWHERE)
    assert sent(batch, server) == []
    assert "1 events could not be sent, the first of them test.0: it went away" in caplog.text
    batch.add(event(1), NOWHERE)
    assert [[one["event"] for one in request] for request in sent(batch, server)] == [["test.1"]]


def test_an_event_that_can_not_be_said_keeps_none_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    batch, server = EventBatch(), Server()
    for number in range(3):
        batch.add(event(number, payload={"said": "half \ud800 of a character"} if number == 1 else {}), NOWHERE)
    (request,) = sent(batch, server)
    assert [one["event"] for one in request] == ["test.0", "test.2"]
    assert "1 events could not be sent, the first of them test.1: " in caplog.text


@pytest.mark.parametrize("code", [400, 413, 422])
def test_an_event_that_the_server_refuses_keeps_none_of_the_others(caplog: pytest.LogCaptureFixture, code: int) -> None:
    refused = {f"test.{AT_ONCE + number}": code for number in (1, 3)}
    batch, server = EventBatch(), Server(refuses=refused)
    for number in range(AT_ONCE + 4):
        batch.add(event(number), NOWHERE)
    assert [len(request) for request in sent(batch, server)] == [AT_ONCE, 1, 1]
    assert [one["event"] for (one,) in server.requests[1:]] == [f"test.{AT_ONCE}", f"test.{AT_ONCE + 2}"]
    (record,) = caplog.records
    assert record.getMessage().startswith(f"2 events could not be sent, the first of them test.{AT_ONCE + 1}: ")
    assert str(code) in record.getMessage()


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
def test_what_is_not_the_fault_of_an_event_is_no_reason_to_ask_for_each(
    caplog: pytest.LogCaptureFixture, code: int
) -> None:
    batch, server = EventBatch(), Server(refuses={"test.1": code})
    for number in range(3):
        batch.add(event(number), NOWHERE)
    assert (sent(batch, server), server.asked) == ([], 1)
    assert "3 events could not be sent, the first of them test.0: " in caplog.text


def test_what_waits_has_a_limit(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(event_batch, "MAX_WAITING", 2)
    monkeypatch.setattr(event_batch, "_batches", {})
    monkeypatch.setattr(outbox, "post", lambda _item: None)
    for number in range(3):
        event_batch.tell(event(number))
    (batch,) = event_batch._batches.values()
    server = Server()
    assert [[one["event"] for one in request] for request in sent(batch, server)] == [["test.0", "test.1"]]
    assert "2 events wait for the server already; test.2 is dropped" in caplog.text


def test_the_end_of_a_run_that_failed_or_was_cancelled_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_batch, "_batches", {})
    posted: list[float] = []
    monkeypatch.setattr(outbox, "post", lambda item: posted.append(item.every))
    for status in (Status.SUCCESS, Status.CANCELLED, Status.SUCCESS):
        events.emit_ended(RunResult(execution_id="0" * 32, status=status))
    assert posted == [event_batch.EVERY, 0, 0], "what waits goes along"
    (batch,) = event_batch._batches.values()
    (request,) = sent(batch, Server())
    assert len(request) == 3
    assert batch.every == event_batch.EVERY
