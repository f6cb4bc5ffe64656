"""Waits for the containers of runs that are over: a run's result comes before its container is removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skillbox_core import wait_for_removals
from skillbox_core.sandbox.engine import Engine

SECONDS = 60.0


def settle() -> None:
    """Waits for whatever this process removes."""
    assert wait_for_removals(SECONDS), "removals are not over"


def containers_left(engine: Engine, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The containers with these labels that are left when everything has settled."""
    settle()
    return engine.containers(labels)
