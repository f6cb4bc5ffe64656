"""Which waiting container gives way to one of another kind, on a real engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from skillbox_core import Settings
from skillbox_core.base.quantities import CPU_PERIOD_US
from skillbox_core.installation import Installation
from skillbox_core.operations.pool import drain
from skillbox_core.run import pool
from skillbox_core.sandbox.waiting import SHARE, Kind


def test_a_larger_kind_takes_a_place_that_it_may_have_and_no_other_is_given_up_for_it(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Installation.from_settings(installation.model_copy(update={"home": tmp_path / "home", "pool_max": 2}))
    monkeypatch.setattr(pool, "SETTLED", timedelta(0))
    image = made.engine.image(installation.image_aliases.get("bash:5", "bash:5"))
    assert image is not None
    small = Kind(image.id, 64 << 20, 32 << 20, CPU_PERIOD_US, "", 600, image="bash:5")
    # Of the share of the engine's memory there is room for one.
    large = replace(small, memory=int(made.engine.info()["MemTotal"] * SHARE * 0.6))

    def rows() -> list[tuple[int, str, str]]:
        found = made.waiting.listed(installation.instance, made.engine.name)
        return sorted((row.place, row.kind, row.name) for row in found)

    try:
        pool.refill(made, small)
        pool.refill(made, small)
        (_, _, first), (_, _, second) = rows()
        assert made.give_up_waiting(first)
        pool.refill(made, small)
        # The one that waits for longest is in a place that the large kind can't have.
        assert [(place, name == second) for place, _, name in rows()] == [(0, False), (1, True)]
        pool.refill(made, large)
        assert [(place, kind, name == second) for place, kind, name in rows()] == [
            (0, large.digest, False),
            (1, small.digest, True),
        ]
        assert made.engine.inspect(second)["State"]["Running"]
    finally:
        drain(made)
