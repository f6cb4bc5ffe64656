"""What a skill task gives: a `RunResult` of which Prefect looks at the output only.

Prefect draws arrows by what a result is made of: it remembers the objects inside by their identity, and finds them
again in what later tasks are given. Every empty text and every status of a process is one and the same object, so
arrows would join skills that have nothing to do with each other.

Prefect has no word for "look at this field only". It takes a model apart as `dict(model)`, so what it is given then
is told by who asks. Read in Prefect 3.8.8 and 3.9.1, `prefect.utilities.collections.visit_collection`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from skillbox_core.models import RunResult

VISITOR = "prefect.utilities.collections"


class SkillResult(RunResult):
    """How a run of a skill in a flow ended."""

    @classmethod
    def of(cls, result: RunResult) -> SkillResult:
        """The same result, as a skill task gives it."""
        return cls.model_construct(result.model_fields_set, **dict(result))

    def __iter__(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        """All fields, as of any model; for Prefect's visitor the output alone, where that is an object of its own."""
        if sys._getframe(1).f_globals.get("__name__") != VISITOR:
            return super().__iter__()
        # Short texts and small numbers are one object too, wherever they come from.
        return iter([("output", self.output)] if isinstance(self.output, (dict, list)) else [])

    def __eq__(self, other: object) -> bool:
        """Whether it says the same as another result, a skill task's or the core's."""
        return dict(self) == dict(other) if isinstance(other, RunResult) else NotImplemented

    __hash__ = RunResult.__hash__
