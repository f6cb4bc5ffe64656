"""Every word of a batch of skills to Prefect's server, beside those of its task runs. One more is a decision."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from prefect import flow
from prefect.events.clients import EventsClient
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import skill
from prefect_skillbox.observe import event_batch, outbox
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen
from tests.services.faults import Proxy, http_proxy

ANSWER = "print('a line'); open('/sandbox/out/output.json', 'w').write('{}')"
RUNS = 6


@pytest.fixture
def server() -> Iterator[Proxy]:
    """The Prefect server, as this process reaches it."""
    address = urlsplit(os.environ["PREFECT_API_URL"]).netloc
    with http_proxy(address) as proxy, temporary_settings({PREFECT_API_URL: f"http://{proxy.address}/api"}):
        yield proxy
        outbox.flush()


def _words(proxy: Proxy) -> Counter[str]:
    return Counter(re.sub(r"/[0-9a-f-]{36}", "/ID", request.partition("?")[0]) for request, _ in proxy.requests)


def test_a_batch_of_skills_has_a_request_for_each_summary_and_few_for_all_events(
    make_skill: MakeSkill, server: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first event goes at once, and all others when their time has come, which is here when the test says so.
    monkeypatch.setattr(event_batch, "EVERY", 1000.0)
    by_prefect: list[str] = []
    emit = EventsClient.emit

    async def noted(self: EventsClient, event: object) -> None:
        by_prefect.append(getattr(event, "event", ""))
        await emit(self, event)  # type: ignore[arg-type]

    monkeypatch.setattr(EventsClient, "emit", noted)
    many = skill(make_skill(ANSWER))

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def mapped() -> list[str]:
        return [result.execution_id for result in many.map([{"n": number} for number in range(RUNS)]).result()]

    state = mapped(return_state=True)
    ids = state.result()
    assert outbox.flush() is None
    said = _words(server)
    # The table of the batch is sent by a thread that knows the server by its own address.
    assert said["POST /api/artifacts/"] == RUNS, "a summary each"
    assert 1 <= said["POST /api/events"] <= 3, "the first, those that waited, and those of what was sent in the end"
    assert said["GET /api/flows/ID"] <= 2, "one for all of these events, and one of Prefect's"
    assert said["POST /api/v2/concurrency_limits/increment-with-lease"] <= 3, "a slot is handed on"
    assert len([name for name in by_prefect if name.startswith("skillbox.")]) == 0
    for execution in ids:
        found = seen.events(lambda found: len(found) > 1, resource=f"skillbox.execution.{execution}")
        assert [event.event for event in found] == ["skillbox.execution.started", "skillbox.execution.succeeded"]
    run = f"prefect.flow-run.{seen.run_id(state)}"
    created = seen.events(
        lambda found: sum(run in {one.id for one in event.related} for event in found) > RUNS,
        prefix="prefect.artifact.created",
    )
    assert sum(run in {one.id for one in event.related} for event in created) == RUNS + 1
