"""How many containers wait, and which of them end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from skillbox_core.base.quantities import parse_memory_limit
from skillbox_core.run.kinds import MAX_READINESS, readiness
from skillbox_core.run.pool import SETTLED, giving_way, over, places
from skillbox_core.sandbox.policy import memory_ceiling
from skillbox_core.sandbox.waiting import Kind
from skillbox_core.settings import POOL_PLACES, Settings
from skillbox_core.storage.tables import WaitingRow
from skillbox_core.storage.waiting_records import MAKING

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GIB = 1 << 30
MINE = Kind(image_id="sha256:1", memory=64 << 20, scratch=32 << 20, cpu_quota=50_000, runtime="", waits=600)


def row(
    name: str = "a", *, kind: str = "other", ready: bool = True, age: timedelta = SECOND, left: timedelta = SECOND
) -> WaitingRow:
    return WaitingRow(
        instance="i", engine="e", place=0, name=name, kind=kind, ready=ready, made_at=NOW - age, ends_at=NOW + left
    )


@pytest.mark.parametrize(
    ("most", "ceiling", "memory", "there_are"),
    [
        (3, GIB, 100 * GIB, 3),
        (30, GIB, 100 * GIB, 25),
        (30, GIB, 100 * GIB - 1, 24),
        (30, GIB, 4 * GIB, 1),
        (30, GIB, 4 * GIB - 1, 0),
        (0, GIB, 100 * GIB, 0),
        # An engine that does not say what it has.
        (30, GIB, 0, 30),
    ],
)
def test_there_are_places_for_a_quarter_of_the_engines_memory(
    most: int, ceiling: int, memory: int, there_are: int
) -> None:
    assert places(most, ceiling, memory) == there_are


@pytest.mark.parametrize(("gib", "there_are"), [(2, 0), (4, 1), (8, 3), (10, POOL_PLACES), (64, POOL_PLACES)])
def test_there_are_so_many_places_by_default(gib: int, there_are: int) -> None:
    """As docs/reliability.md says."""
    usual = parse_memory_limit(Settings.model_fields["default_memory"].default, "")
    scratch = parse_memory_limit(Settings.model_fields["default_scratch"].default, "")
    assert places(POOL_PLACES, memory_ceiling(usual, scratch), gib * GIB) == there_are


@pytest.mark.parametrize(
    ("one", "is_over"),
    [
        (row(), False),
        (row(left=timedelta()), True),
        (row(left=-SECOND), True),
        (row(age=10 * MAKING), False),
        (row(ready=False, age=MAKING), False),
        (row(ready=False, age=MAKING + SECOND), True),
        (row(ready=False, left=-SECOND), True),
    ],
)
def test_one_is_over_when_it_has_ended_or_nobody_makes_it_any_more(one: WaitingRow, is_over: bool) -> None:
    assert over([one], NOW) == ([one] if is_over else [])


def test_times_that_a_database_gives_without_a_zone_are_in_utc() -> None:
    bare = row(left=SECOND)
    bare.made_at, bare.ends_at = bare.made_at.replace(tzinfo=None), bare.ends_at.replace(tzinfo=None)
    assert over([bare], NOW) == []
    assert over([bare], NOW + 2 * SECOND) == [bare]


@pytest.mark.parametrize(
    ("lang", "entrypoint", "modules", "said"),
    [
        ("python", "main.py", ("json", "pandas"), "python main.py: json, pandas"),
        ("node", "scripts/main.js", ("fs",), "node scripts/main.js: fs"),
        ("python", "main.py", (), "python main.py"),
        ("python", "main.py", None, "a shell"),
        ("bash", "main.sh", None, "a shell"),
        ("python", "main.py", ("m" * 200,), f"python main.py: {'m' * (MAX_READINESS - 19)}..."),
    ],
)
def test_a_container_says_what_waits_in_it(
    lang: str, entrypoint: str, modules: tuple[str, ...] | None, said: str
) -> None:
    assert readiness(lang, entrypoint, modules) == said
    assert len(said) <= MAX_READINESS


def test_what_a_container_says_makes_no_kind() -> None:
    told = replace(MINE, ready_for="a shell", image="python:3")
    assert (told, told.digest) == (MINE, MINE.digest)


OLD, OLDER = SETTLED + SECOND, SETTLED + 2 * SECOND


@pytest.mark.parametrize(
    ("rows", "who"),
    [
        ([], None),
        ([row("a", age=SETTLED)], None),
        ([row("a", age=OLD)], "a"),
        ([row("a", age=OLD), row("b", age=OLDER)], "b"),
        # Of the very kind that is to be made.
        ([row("a", age=OLDER, kind=MINE.digest)], None),
        ([row("a", age=OLDER, kind=MINE.digest), row("b", age=OLD)], "b"),
        # Somebody is making it.
        ([row("a", age=OLDER, ready=False)], None),
    ],
)
def test_what_waits_for_longest_gives_way_to_another_kind(rows: Sequence[WaitingRow], who: str | None) -> None:
    assert giving_way(rows, MINE, NOW) == who


@pytest.mark.parametrize(
    "change",
    [
        {"image_id": "sha256:2"},
        {"memory": 65 << 20},
        {"scratch": 33 << 20},
        {"cpu_quota": 60_000},
        {"runtime": "runsc"},
        {"waits": 601},
    ],
    ids=lambda change: next(iter(change)),
)
def test_containers_for_other_jobs_are_of_another_kind(change: dict[str, object]) -> None:
    assert replace(MINE).digest == MINE.digest
    assert replace(MINE, **change).digest != MINE.digest  # type: ignore[arg-type]


def test_containers_of_another_release_are_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, policy = replace(MINE).digest, "skillbox_core.sandbox.policy."
    with monkeypatch.context() as patch:
        patch.setattr(policy + "supervisor_script", lambda: "exit 0")
        assert replace(MINE).digest != mine
    with monkeypatch.context() as patch:
        patch.setattr(policy + "MASKED_PATHS", ())
        assert replace(MINE).digest != mine
    assert replace(MINE).digest == mine
