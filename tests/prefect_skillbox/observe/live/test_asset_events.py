"""Asset events on a real server: what a skill read, what it made, and of what the next one made its own."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from prefect import flow
from prefect.events import Event

from prefect_skillbox import skill
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen
from tests.services.web import Page, web

COPYING = """
import os, json, sys
folder, given = os.environ["SANDBOX_FILES_DIR"], "/sandbox/in/files/"
for name in os.listdir(given):
    open(folder + "copy of " + name, "w").write(open(given + name).read())
json.dump(None, open("/sandbox/out/output.json", "w"))
"""


@pytest.fixture
def site() -> Iterator[str]:
    with web({"/orders.csv": Page([b"id\n1\n"])}) as address:
        yield address


def of(run: UUID, count: int) -> list[Event]:
    """The asset events of a flow run."""

    def mine(found: list[Event]) -> list[Event]:
        return [event for event in found if f"prefect.flow-run.{run}" in {one.id for one in event.related}]

    return mine(seen.events(lambda found: len(mine(found)) >= count, prefix="prefect.asset."))


def test_assets_tell_where_data_came_from_across_skills(make_skill: MakeSkill, site: str) -> None:
    first, second = make_skill(COPYING), make_skill(COPYING)
    address = f"{site.replace('//', '//user:canary@')}/orders.csv?signature=canary"

    @flow
    def chain() -> None:
        skill(second)({}, files=skill(first)({}, files=address))

    found = of(seen.run_id(chain(return_state=True)), 4)
    read, made = f"{site}/orders.csv", f"skillbox://default/{first}/copy_of_orders.csv-"
    told = [(event.event.removeprefix("prefect.asset."), event.resource.id) for event in found]
    assert [what for what, _ in told] == ["referenced", "materialization.succeeded"] * 2
    assert told[0][1] == read
    assert told[1][1].startswith(made)
    assert told[2][1] == told[1][1], "what the one made is what the other read"
    assert told[3][1].startswith(f"skillbox://default/{second}/copy_of_copy_of_orders.csv-")
    for event, upstream in ((found[1], read), (found[3], told[1][1])):
        related = {one.role: one.id for one in event.related}
        assert related["asset"] == upstream
        assert related["asset-materialized-by"] == "skillbox"
        assert related.keys() >= {"flow-run", "task-run"}
    assert "canary" not in str(found)


def test_a_skill_that_fails_made_nothing(make_skill: MakeSkill, site: str) -> None:
    name = make_skill(COPYING + "\nraise SystemExit(3)")

    @flow
    def fail() -> None:
        skill(name, raise_on_failure=False)({}, files=f"{site}/orders.csv")

    run = seen.run_id(fail(return_state=True))
    assert [event.event for event in of(run, 1)] == ["prefect.asset.referenced"]
