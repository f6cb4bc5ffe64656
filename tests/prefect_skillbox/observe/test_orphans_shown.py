"""What the page of a clean-up says that it found."""

from __future__ import annotations

from typing import Literal

import pytest

from prefect_skillbox.observe.reporting import described
from skillbox_core.operations.orphan_rules import Orphan

LEFT = "What killed workers left behind"


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (("container", "record"), LEFT),
        (("waiting", "waiting"), "2 containers that waited for a job in vain"),
        (("container", "waiting"), f"{LEFT}, and 1 containers that waited for a job in vain"),
    ],
)
def test_a_container_that_waited_in_vain_is_nothing_a_killed_worker_left(
    kinds: tuple[Literal["container", "record", "waiting"], ...], said: str
) -> None:
    orphans = [Orphan(kind, "name", "", "why") for kind in kinds]
    assert described(orphans) == said
    assert [orphan.what for orphan in orphans] == [
        {"waiting": "waiting container"}.get(orphan.kind, orphan.kind) for orphan in orphans
    ]
