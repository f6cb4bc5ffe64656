"""The steps of a run, each retried where infrastructure failed, for a driver that retries nothing itself."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from skillbox_core.base.retry import repeated
from skillbox_core.run.lifecycle import Steps


class _Repeating:
    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        step = getattr(self._steps, name)
        return lambda *arguments: repeated(partial(step, *arguments))


def repeating(steps: Steps) -> Steps:
    """The same steps, each of which is tried again when infrastructure failed."""
    return cast(Steps, _Repeating(steps))
