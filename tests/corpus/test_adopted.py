"""The drafts of `adopt` for the corpus: which calls of the table they reach, and why they don't reach the others."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from skillbox_core.skills.adopt import Draft
from skillbox_core.skills.overlay import Overlay
from tests.corpus.adopting import Given, drafted, reach, table
from tests.corpus.table import SKILLS, Case, cases

TABLE = table()


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Draft, Overlay]]:
    folder = tmp_path_factory.mktemp("drafts")
    return {path.name: drafted(path.name, folder) for path in SKILLS.iterdir()}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_a_draft_reaches_a_call_or_the_reason_is_known(case: Case, drafts: Mapping[str, tuple[Draft, Overlay]]) -> None:
    found = reach(case, drafts[case.skill][1], TABLE["flags"])
    assert isinstance(found, Given) is (case.id not in TABLE["not_reached"]), found


def test_every_script_that_is_called_has_an_entrypoint(drafts: Mapping[str, tuple[Draft, Overlay]]) -> None:
    lacking = [
        case.id
        for case in cases()
        if case.call["script"] not in [entry.call.script for entry in drafts[case.skill][1].entrypoints.values()]
    ]
    assert lacking == []


def test_four_skills_of_five_run_by_their_drafts_and_the_rest_is_listed(
    drafts: Mapping[str, tuple[Draft, Overlay]],
) -> None:
    reached = {
        case.skill
        for case in cases()
        if not case.failed and isinstance(reach(case, drafts[case.skill][1], TABLE["flags"]), Given)
    }
    assert set(drafts) - reached == set(TABLE["rest"])
    assert len(TABLE["rest"]) <= len(drafts) / 5


def test_the_list_names_only_calls_of_the_table() -> None:
    known = {case.id for case in cases()}
    assert {*TABLE["not_reached"], *TABLE["outputs"]} <= known
