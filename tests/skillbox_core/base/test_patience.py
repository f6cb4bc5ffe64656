"""Limits of time are good for 1 GiB; what is larger has more."""

from __future__ import annotations

import pytest

from skillbox_core.base.patience import LARGE, SLOWEST, more_time
from skillbox_core.sandbox.container import wall_deadline
from skillbox_core.sandbox.policy import container_config, scratch_of


@pytest.mark.parametrize(
    ("size", "seconds"),
    [(0, 0), (LARGE, 0), (LARGE + SLOWEST, 1), (16 * LARGE, 15 * LARGE / SLOWEST)],
)
def test_what_is_over_the_usual_has_a_second_for_each_piece(size: int, seconds: float) -> None:
    assert more_time(size) == seconds


def test_a_container_says_how_large_its_scratch_area_is() -> None:
    config = container_config(
        user="7:7", image_id="sha256:1", memory=1, scratch=5 * LARGE, cpu_quota=1, labels={}, runtime=""
    )
    assert scratch_of(config) == 5 * LARGE
    assert scratch_of({"HostConfig": {"Tmpfs": None}}) == scratch_of({}) == 0


def test_what_must_be_filled_first_ends_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert wall_deadline(10, 9 * LARGE) - wall_deadline(10, LARGE) == 8 * LARGE / SLOWEST
