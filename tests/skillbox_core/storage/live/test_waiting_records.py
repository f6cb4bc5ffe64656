"""Waiting containers in the records, on both databases: who has one, and that nobody has what another has."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import select

from skillbox_core import Settings, Status
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, FileDigest, Verdict
from skillbox_core.storage.execution_writes import NewExecution
from skillbox_core.storage.launches import Launch, Waiting, _take
from skillbox_core.storage.tables import AskedKindRow, ExecutionRow, WaitingRow, aware, now
from tests.services import pools
from tests.services.postgres import fresh_database

LAUNCH = Launch("d" * 64, "python:3", "sha256:1", 2_000_000_000.0, (FileDigest("a", 1, "e" * 64),))
ENGINE, KIND = "engine", "kind"


@pytest.fixture(params=["SQLite", "Postgres"])
def here(request: pytest.FixtureRequest, installation: Settings, tmp_path: Path) -> Installation:
    """An installation on an empty database."""
    settings = installation.model_copy(update={"home": tmp_path / "home", "instance": "here"})
    if request.param == "Postgres":
        dsn = fresh_database(request.getfixturevalue("database_url"))
        settings = settings.model_copy(update={"db_dsn": dsn})
    return Installation.from_settings(settings)


def enter(here: Installation, **other: Any) -> str:
    """The name of a container that waits."""
    name = f"skillbox-waiting-{uuid.uuid4().hex}"
    facts = {"instance": "here", "engine": ENGINE, "kind": KIND, **other}
    ready = facts.pop("ready", True)
    assert pools.enter(here.waiting, name, **facts)
    if ready:
        assert here.waiting.ready(name)
    return name


def opened(here: Installation, key: str = "", **other: Any) -> Execution:
    facts: dict[str, Any] = {
        "id": uuid.uuid4().hex, "tenant": "default", "skill": "s", "asked": "", "input": "null",
        "key": key or uuid.uuid4().hex, "request_digest": "0" * 64, "owner": None, "owner_attempt": 0,
        "instance": "here",
    }  # fmt: skip
    return here.executions.open(NewExecution(**{**facts, **other}), lambda: "1.0.0")


def asks(**other: Any) -> Waiting:
    return replace(Waiting("here", ENGINE, KIND, now() + timedelta(seconds=30)), **other)


def row_of(here: Installation, execution: Execution) -> ExecutionRow:
    return here.executions.find([execution.id])[execution.id]


def names(here: Installation) -> list[str]:
    return [row.name for row in here.waiting.listed("here", ENGINE)]


def at_once(jobs: Sequence[Callable[[], object]]) -> None:
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        barrier.wait(30)
        job()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_a_row_goes_from_being_made_to_waiting_to_given_up(here: Installation) -> None:
    before = now()
    name = enter(here, ready=False)
    (row,) = here.waiting.listed("here", ENGINE)
    assert (row.name, row.kind, row.place, row.ready) == (name, KIND, 0, False)
    assert before <= aware(row.made_at) <= now()
    assert aware(row.ends_at) - aware(row.made_at) == timedelta(seconds=600)
    assert here.executions.claim(opened(here), LAUNCH, asks()) is None, "it is not ready"
    assert here.waiting.ready(name)
    assert here.waiting.listed("here", ENGINE)[0].ready
    assert here.waiting.give_up(name)
    assert (here.waiting.give_up(name), here.waiting.ready(name), names(here)) == (False, False, [])


def test_each_installation_and_engine_has_its_own_in_the_order_in_which_they_were_made(here: Installation) -> None:
    first, second = enter(here), enter(here, kind="other")
    there, away = enter(here, instance="there"), enter(here, engine="away")
    assert names(here) == [first, second]
    assert [row.name for row in here.waiting.listed("there", ENGINE)] == [there]
    assert [row.name for row in here.waiting.listed("here", "away")] == [away]


def test_a_place_is_free_again_when_its_container_is_taken_or_given_up(here: Installation) -> None:
    facts: dict[str, Any] = {"instance": "here", "engine": ENGINE, "kind": KIND}
    assert pools.enter(here.waiting, "a", most=2, **facts)
    assert pools.enter(here.waiting, "b", most=2, **facts)
    assert not pools.enter(here.waiting, "c", most=2, **facts)
    assert not pools.enter(here.waiting, "c", most=0, **facts)
    assert here.waiting.give_up("a")
    assert pools.enter(here.waiting, "c", most=2, **facts)
    assert {row.name: row.place for row in here.waiting.listed("here", ENGINE)} == {"b": 1, "c": 0}
    # A limit that was lowered meanwhile is kept from then on.
    assert not pools.enter(here.waiting, "d", most=1, **facts)


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_than_may_wait_do_however_many_are_made_at_once(here: Installation, most: int) -> None:
    entered: list[bool] = []
    facts: dict[str, Any] = {"instance": "here", "engine": ENGINE, "kind": KIND, "most": most}
    at_once([lambda n=n: entered.append(pools.enter(here.waiting, f"c{n}", **facts)) for n in range(8)])  # type: ignore[misc]
    assert (len(entered), entered.count(True)) == (8, most)
    assert sorted(row.place for row in here.waiting.listed("here", ENGINE)) == list(range(most))


def test_what_is_taken_is_noted_with_the_launch_and_waits_no_more(here: Installation) -> None:
    name, execution = enter(here), opened(here)
    assert (execution.launched, execution.claimed) == (False, None)
    assert here.executions.claim(execution, LAUNCH, asks()) == name
    row = row_of(here, execution)
    assert (row.claimed, row.skill_digest, row.image, row.image_id) == (name, "d" * 64, "python:3", "sha256:1")
    assert row.deadline_at is not None
    assert aware(row.deadline_at).timestamp() == LAUNCH.deadline
    assert json.loads(row.input_files) == [["a", 1, "e" * 64]]
    assert names(here) == []
    assert here.executions.claimers([name, "other"]).keys() == {name}
    assert here.executions.claimers([name])[name].id == execution.id
    assert here.executions.claimers([]) == {}
    assert here.executions.claimed_by(execution) == name
    assert here.executions.claimed_by(replace(execution, attempt=2)) is None


def test_whoever_opens_the_record_again_knows_what_was_taken(here: Installation) -> None:
    name, execution = enter(here), opened(here, "key")
    assert here.executions.claim(execution, LAUNCH, asks()) == name
    again = opened(here, "key")
    assert (again.id, again.launched, again.claimed, again.container) == (execution.id, True, name, name)


def test_the_youngest_is_taken_first(here: Installation) -> None:
    made = [enter(here) for _ in range(3)]
    taken = [here.executions.claim(opened(here), LAUNCH, asks()) for _ in range(4)]
    assert taken == [*reversed(made), None]


@pytest.mark.parametrize(
    "other",
    [{"instance": "there"}, {"engine": "away"}, {"kind": "other"}, {"until": now() + timedelta(days=1)}],
    ids=["of another installation", "on another engine", "of another kind", "that ends too soon"],
)
def test_a_container_is_not_taken(here: Installation, other: dict[str, Any]) -> None:
    name, execution = enter(here), opened(here)
    assert here.executions.claim(execution, LAUNCH, asks(**other)) is None
    assert names(here) == [name]
    row = row_of(here, execution)
    assert (row.claimed, row.deadline_at, row.image) == (None, None, None)


def _closed(here: Installation, execution: Execution) -> Execution:
    here.executions.close(execution, Verdict(Status.CANCELLED))
    return execution


def _taken_over(here: Installation, execution: Execution) -> Execution:
    later = opened(here, "second try", owner="flow", owner_attempt=2)
    assert later.id == execution.id
    return execution


def _launched(here: Installation, execution: Execution) -> Execution:
    assert here.executions.note_launch(execution, LAUNCH)
    return execution


def _has_one(here: Installation, execution: Execution) -> Execution:
    assert here.executions.claim(execution, LAUNCH, asks(kind="first"))
    return execution


def _next_attempt(here: Installation, execution: Execution) -> Execution:
    here.executions.next_attempt(execution)
    return execution


@pytest.mark.parametrize("gone", [_closed, _taken_over, _launched, _has_one, _next_attempt])
def test_an_attempt_that_is_not_to_have_one_takes_none(
    here: Installation, gone: Callable[[Installation, Execution], Execution]
) -> None:
    enter(here, kind="first")
    execution = gone(here, opened(here, "first try", owner="flow", owner_attempt=1))
    name, before = enter(here), row_of(here, execution).model_dump()
    assert here.executions.claim(execution, LAUNCH, asks()) is None
    assert name in names(here)
    assert row_of(here, execution).model_dump() == before


def test_a_launch_is_not_noted_where_another_call_has_taken_a_container(here: Installation) -> None:
    name, execution = enter(here), opened(here)
    assert here.executions.claim(execution, LAUNCH, asks()) == name
    other = replace(LAUNCH, image="other")
    assert not here.executions.note_launch(execution, other)
    assert not here.executions.note_launch(execution, other, instead_of="another")
    assert (row_of(here, execution).claimed, row_of(here, execution).image) == (name, "python:3")
    assert here.executions.note_launch(execution, other, instead_of=name)
    assert (row_of(here, execution).claimed, row_of(here, execution).image) == (None, "other")
    # Repeated, when its answer was lost.
    assert here.executions.note_launch(execution, other, instead_of=name)
    assert here.executions.note_launch(execution, other)


def test_one_that_is_gone_is_replaced_by_another(here: Installation) -> None:
    first, second = enter(here), enter(here)
    execution = opened(here)
    assert here.executions.claim(execution, LAUNCH, asks()) == second
    assert here.executions.claim(execution, LAUNCH, asks(), instead_of="another") is None
    assert here.executions.claim(execution, LAUNCH, asks(), instead_of=second) == first
    assert row_of(here, execution).claimed == first
    assert here.executions.claimers([second]) == {}
    assert here.executions.claim(execution, LAUNCH, asks(), instead_of=second) is None, "it has another by now"


def test_the_next_attempt_has_taken_nothing(here: Installation) -> None:
    name, execution = enter(here), opened(here)
    assert here.executions.claim(execution, LAUNCH, asks()) == name
    following = here.executions.next_attempt(execution)
    assert (following.attempt, following.launched, following.claimed) == (2, False, None)
    assert following.container == f"skillbox-{execution.id}-2"
    assert here.executions.claimers([name]) == {}
    other = enter(here)
    assert here.executions.claim(following, LAUNCH, asks()) == other
    assert not here.executions.note_launch(execution, LAUNCH, instead_of=name)


def test_where_a_delete_returns_nothing_there_is_no_claim(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with SQLite before 3.35."""
    name, execution = enter(here), opened(here)
    engine: Any = here.executions.database._engine
    monkeypatch.setattr(engine.dialect, "delete_returning", False)
    assert here.executions.claim(execution, LAUNCH, asks()) is None
    assert (names(here), row_of(here, execution).deadline_at) == ([name], None)


@pytest.mark.parametrize(("waiting", "askers"), [(1, 6), (3, 6), (6, 3)])
def test_of_many_claims_at_once_each_gets_another_one_or_none(here: Installation, waiting: int, askers: int) -> None:
    made, taken = {enter(here) for _ in range(waiting)}, list[str | None]()
    executions = [opened(here) for _ in range(askers)]

    def ask(execution: Execution) -> None:
        name = here.executions.claim(execution, LAUNCH, asks())
        assert row_of(here, execution).claimed == name
        taken.append(name)

    at_once([lambda one=one: ask(one) for one in executions])  # type: ignore[misc]
    got = [name for name in taken if name]
    assert len(taken) == askers
    assert len(got) == len(set(got)), "two have one container"
    # On Postgres one may look only at rows that others are about to take, and finds none: it has one made for it.
    assert got
    assert set(got) | set(names(here)) == made
    assert set(got).isdisjoint(names(here))


@pytest.mark.parametrize("here", ["Postgres"], indirect=True)
def test_two_claims_at_once_get_two(here: Installation) -> None:
    """SQLite has one writer at a time."""
    made = [enter(here) for _ in range(2)]
    with here.executions.database.session() as session:
        assert _take(session, asks()) == made[1]
        assert here.executions.claim(opened(here), LAUNCH, asks()) == made[0]
        assert here.executions.claim(opened(here), LAUNCH, asks()) is None, "nobody waits for what another may leave"
    assert names(here) == []


def test_two_calls_for_one_attempt_take_one_container(here: Installation) -> None:
    made, execution, taken = {enter(here) for _ in range(4)}, opened(here), list[str | None]()
    at_once([lambda: taken.append(here.executions.claim(execution, LAUNCH, asks()))] * 4)
    (name,) = [name for name in taken if name]
    assert row_of(here, execution).claimed == name
    assert set(names(here)) == made - {name}


CLAIMS = """
import json, sys
from datetime import timedelta
from skillbox_core import Settings
from skillbox_core.installation import Installation
from skillbox_core.storage.launches import Launch, Waiting
from skillbox_core.storage.tables import now
from tests.skillbox_core.storage.live.test_waiting_records import LAUNCH, opened
here = Installation.from_settings(Settings.model_validate_json(sys.argv[1]))
executions = [opened(here) for _ in range(20)]
print("begun", flush=True)
sys.stdin.readline()
waiting = Waiting("here", "engine", "kind", now() + timedelta(seconds=30))
print(json.dumps([here.executions.claim(one, LAUNCH, waiting) for one in executions]))
"""


def test_two_processes_never_take_the_same(here: Installation) -> None:
    made = {enter(here) for _ in range(25)}
    told = json.dumps({**here.settings.model_dump(mode="json"), "s3_secret_key": here.settings.s3_secret_key})
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMS, told],
            cwd=Path(__file__).parents[4],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "begun\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        taken = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
    got = [name for names in taken for name in names if name]
    assert len(got) == len(set(got)), "two have one container"
    assert set(got) | set(names(here)) == made
    with here.executions.database.session() as session:
        noted = session.scalars(select(ExecutionRow.claimed)).all()
        left = session.scalars(select(WaitingRow.name)).all()
    assert sorted(name for name in noted if name) == sorted(got)
    assert set(left) == made - set(got)


def test_a_kind_is_asked_for_if_it_was_a_short_time_before(here: Installation) -> None:
    minute = timedelta(minutes=1)

    def ask(kind: str = KIND, engine: str = ENGINE, instance: str = "here", within: timedelta = minute) -> bool:
        return here.waiting.ask(instance, engine, kind, within=within)

    assert not ask()
    assert ask()
    # Of others nothing follows.
    assert [ask("another"), ask(engine="another"), ask(instance="another")] == [False] * 3
    with here.executions.database.session() as session:
        session.execute(update(AskedKindRow).values(asked_at=now() - 2 * minute))
    assert ask(within=3 * minute)
    assert not ask("another")
    with here.executions.database.session() as session:
        left = session.execute(select(AskedKindRow.instance, AskedKindRow.engine, AskedKindRow.kind)).all()
    # What is long ago is forgotten where somebody of the installation asks, whichever engine it was on.
    mine = {("here", ENGINE, KIND), ("here", ENGINE, "another")}
    assert {tuple(row) for row in left} == mine | {("another", ENGINE, KIND)}
    assert ask()


def test_of_many_who_ask_at_once_all_but_one_hear_of_another(here: Installation) -> None:
    heard: list[bool] = []
    at_once([lambda: heard.append(here.waiting.ask("here", ENGINE, KIND, within=timedelta(minutes=1)))] * 6)
    assert sorted(heard) == [False] + [True] * 5
