"""What flows import from the package."""

from __future__ import annotations

import pytest

import prefect_skillbox
import skillbox_core


@pytest.mark.parametrize("name", prefect_skillbox.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(prefect_skillbox, name) is not None


def test_a_flow_waits_for_the_same_removals() -> None:
    assert prefect_skillbox.wait_for_removals is skillbox_core.wait_for_removals
