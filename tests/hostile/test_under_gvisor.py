"""A row to which gVisor gives another answer says which, and why; on every other runtime it is as it was."""

from __future__ import annotations

import pytest

from skillbox_core.sandbox.engine import Engine
from tests.hostile.cases import Case, load_cases
from tests.hostile.skips import Skipped, needed

OTHER = Case("c", "probe", "p", {"gives_exactly": [1], "code": "a", "gvisor": {"why": "w", "gives": ["EPERM"]}})
NOTHING = Case("c", "probe", "p", {"gives": 1, "gvisor": {"why": "shows nothing"}})
NOWHERE = Engine("unix:///nowhere")


@pytest.mark.parametrize("runtime", ["", "runc", "crun", "kata"])
def test_elsewhere_a_row_is_as_it_was(runtime: str) -> None:
    assert OTHER.under(runtime) is OTHER
    assert NOTHING.under(runtime) is NOTHING
    needed(NOTHING.under(runtime), NOWHERE)


def test_under_gvisor_the_other_answer_is_the_right_one() -> None:
    assert OTHER.under("runsc").spec == {"code": "a", "gives": ["EPERM"]}


def test_another_status_is_another_outcome_as_a_whole() -> None:
    spec = {"status": "success", "output": 1, "warns": "w", "options": {}, "gvisor": {"why": "w", "status": "timeout"}}
    assert Case("c", "skill", "p", spec).under("runsc").spec == {"options": {}, "status": "timeout"}


def test_where_there_is_nothing_to_try_the_reason_is_said() -> None:
    with pytest.raises(Skipped, match="under gVisor shows nothing"):
        needed(NOTHING.under("runsc"), NOWHERE)


MARKED = [case for case in load_cases() if "gvisor" in case.spec]


@pytest.mark.parametrize("case", MARKED, ids=[case.id for case in MARKED])
def test_each_mark_gives_a_reason_and_changes_what_the_row_says(case: Case) -> None:
    mark = dict(case.spec["gvisor"])
    assert len(mark.pop("why")) > 20
    assert not mark or any(case.spec.get(key) != value for key, value in mark.items())
