"""What waits for a job: how it is judged, shown, and what doctor says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.errors import InvalidRequestError
from skillbox_core.installation import Installation
from skillbox_core.operations.pool import (
    Entry,
    Pool,
    State,
    check_image,
    entry_of,
    entry_without_row,
)
from skillbox_core.operations.pool_checks import judged, pool_check
from skillbox_core.sandbox.container import LABEL_WAITING
from skillbox_core.settings import Settings
from skillbox_core.storage.tables import WaitingRow
from skillbox_core.storage.waiting_records import MAKING

MADE = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
IMAGE = f"sha256:{'ab' * 32}"
MIB = 1024**2


def row(**changes: Any) -> WaitingRow:
    facts = {
        "instance": "i", "engine": "e-1", "place": 2, "name": "skillbox-waiting-a", "kind": "k", "image": "python:3",
        "image_id": IMAGE, "memory": 256 * MIB, "scratch": 64 * MIB, "cpu_quota": 50_000,
        "ready_for": "python main.py: json", "ready": True,
        "made_at": MADE, "ends_at": MADE + timedelta(seconds=600),
    }  # fmt: skip
    return WaitingRow(**{**facts, **changes})


@pytest.mark.parametrize(
    ("ready", "container", "after", "state", "why"),
    [
        (True, "running", 5, State.WAITING, ""),
        (True, "running", 599, State.WAITING, ""),
        (True, "running", 600, State.ENDED, "its time is over"),
        (True, None, 600, State.ENDED, "its time is over"),
        (True, "exited", 5, State.LOST, "its container is exited"),
        (True, "paused", 5, State.LOST, "its container is paused"),
        (True, None, 5, State.LOST, "its container is gone"),
        (False, None, 5, State.MAKING, ""),
        (False, "created", 5, State.MAKING, ""),
        (False, "running", MAKING.seconds, State.MAKING, ""),
        (False, "running", MAKING.seconds + 1, State.LOST, "it was never ready: whoever made it is gone"),
        (False, None, 601, State.ENDED, "its time is over"),
    ],
)
def test_a_place_says_whether_a_run_can_take_what_it_holds(
    ready: bool, container: str | None, after: float, state: State, why: str
) -> None:
    found = entry_of(row(ready=ready), container and {"State": container}, MADE + timedelta(seconds=after))
    assert (found.state, found.why) == (state, why)


def test_what_it_says_as_json_is_whole() -> None:
    assert entry_of(row(), {"State": "running"}, MADE).document() == {
        "place": 2,
        "name": "skillbox-waiting-a",
        "state": "waiting",
        "why": None,
        "kind": "k",
        "image": "python:3",
        "image_id": IMAGE,
        "ready_for": "python main.py: json",
        "memory": 256 * MIB,
        "scratch": 64 * MIB,
        "cpu": "0.5",
        "made_at": "2026-05-04T12:00:00+00:00",
        "ends_at": "2026-05-04T12:10:00+00:00",
    }


def test_a_container_without_a_row_says_what_the_engine_knows_of_it() -> None:
    container = {"Labels": {LABEL_WAITING: "k"}, "ImageID": IMAGE, "Created": MADE.timestamp(), "State": "running"}
    found = entry_without_row("skillbox-waiting-b", container).document()
    assert (found["state"], found["why"]) == ("lost", "no record knows it")
    assert (found["kind"], found["image"], found["image_id"], found["ready_for"]) == ("k", None, IMAGE, None)
    assert (found["place"], found["memory"], found["cpu"], found["ends_at"]) == (None, None, None, None)
    assert found["made_at"] == "2026-05-04T12:00:00+00:00"


def entry(**changes: Any) -> Entry:
    return replace(entry_of(row(), {"State": "running"}, MADE), **changes)


@pytest.mark.parametrize(
    ("image", "asked", "wanted"),
    [
        ("python:3", "python:3", True),
        ("here/python:3", "python:3", True),
        ("here/python:3", "here/python:3", True),
        ("python:3", "python", False),
        ("node:20", "python:3", False),
        ("python:3", IMAGE, True),
        ("python:3", IMAGE[: len("sha256:") + 8], True),
        ("python:3", f"sha256:{'cd' * 32}", False),
        # Only the engine knows it, by its id.
        ("", "python:3", False),
        ("", IMAGE, True),
    ],
)
def test_an_image_is_meant_by_its_names_or_its_id(image: str, asked: str, wanted: bool) -> None:
    assert entry(image=image).of_image(asked, {"python:3": "here/python:3"}) is wanted


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("", 'no image is meant by ""'),
        ("sha256:nothexadecimal", 'no image is meant by "sha256:nothexadecimal"'),
        ("sha256:xy", 'no image is meant by "sha256:xy"'),
        ("sha256:", '"sha256:" is too short to tell an image: 8 or more digits of its id'),
        ("sha256:1234567", '"sha256:1234567" is too short to tell an image: 8 or more digits of its id'),
    ],
)
def test_what_is_no_image_is_refused(asked: str, said: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_image(asked)
    assert caught.value.message == said


@pytest.mark.parametrize("asked", ["python:3", "sha256:12345678", IMAGE])
def test_what_may_be_an_image_is_not_refused(asked: str) -> None:
    check_image(asked)


WAITS, LOST = entry(), entry(name="skillbox-waiting-c", state=State.LOST, why="its container is gone")


@pytest.mark.parametrize(
    ("most", "places", "entries", "takes", "level", "found", "advice"),
    [
        (0, 0, (), True, "OK", "off (SKILLBOX_POOL_MAX is 0): each run has a container made for it", ""),
        (0, 0, (WAITS,), True, "OK", "1 of before are left, and end by themselves", ""),
        (4, 4, (), True, "OK", "0 of 4 places have a container that waits", ""),
        (
            *(4, 4, (WAITS, WAITS, entry(image="bash:5"), entry(state=State.MAKING), entry(state=State.ENDED)), True),
            *("OK", "3 of 4 places have a container that waits: 1 of bash:5, 2 of python:3", ""),
        ),
        (
            *(4, 4, (WAITS, LOST), True, "WARN"),
            *("1 can't be used: skillbox-waiting-c: its container is gone", "`skillbox pool drain`"),
        ),
        (9, 4, (WAITS,), True, "WARN", "SKILLBOX_POOL_MAX is 9, for which the engine's memory is too", "POOL_MAX=4"),
        (4, 4, (WAITS,), False, "WARN", "this SQLite is older than 3.35", "set SKILLBOX_POOL_MAX=0"),
        # Without a pool nobody asks what the database can do.
        (0, 0, (), False, "OK", "off", ""),
    ],
)
def test_doctor_says_what_waits_and_what_is_wrong_with_it(
    most: int, places: int, entries: tuple[Entry, ...], takes: bool, level: str, found: str, advice: str
) -> None:
    check = judged(Pool("e-1", most, places, entries), takes=takes)
    assert check.level == level
    assert found in check.found
    assert advice in check.advice
    assert bool(check.advice) == (level != "OK")


@pytest.mark.parametrize(
    ("places", "takes", "found"),
    [
        (4, True, "0 of 4 places have a container that waits"),
        # Nobody has asked for what the engine has no room for, or the database can't do.
        (1, True, "0 of 1 places have a container that waits"),
        (0, True, "0 of 0 places have a container that waits"),
        (4, False, "off: no run can take a waiting container: this SQLite is older than 3.35"),
    ],
)
def test_a_default_that_an_installation_has_no_use_for_is_no_warning(places: int, takes: bool, found: str) -> None:
    check = judged(Pool("e-1", 4, places, (), chosen=False), takes=takes)
    assert (check.level, check.found, check.advice) == ("OK", found, "")


def test_an_engine_that_is_away_is_a_warning(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", s3_endpoint="", db_dsn="", docker_host=f"unix://{tmp_path}/none.sock")
    check = pool_check(Installation.from_settings(settings))
    assert check.level == "WARN"
    assert check.found.startswith("waiting containers can't be listed: ")


def test_a_pool_that_nobody_has_chosen_is_bound_by_the_default() -> None:
    assert Pool("e-1", 4, 4, (), chosen=False).bound == "the default of SKILLBOX_POOL_MAX"
    assert Pool("e-1", 4, 3, (), chosen=False).bound == "the engine's memory"


@pytest.mark.parametrize(
    ("most", "places", "bound"),
    [(4, 4, "SKILLBOX_POOL_MAX"), (9, 4, "the engine's memory"), (0, 0, "SKILLBOX_POOL_MAX")],
)
def test_a_pool_says_by_what_it_is_bound(most: int, places: int, bound: str) -> None:
    pool = Pool("e-1", most, places, (WAITS,))
    assert pool.document() == {
        "engine": "e-1",
        "places": places,
        "max": most,
        "bound": bound,
        "containers": [WAITS.document()],
    }
