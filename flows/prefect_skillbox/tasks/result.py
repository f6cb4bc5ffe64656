"""What a skill task gives: a `RunResult` of which Prefect looks at the output only.

Prefect draws arrows by what a result is made of: it remembers the objects inside by their identity, and finds them
again in what later tasks are given. Every empty text and every status of a process is one and the same object, so
arrows would join skills that have nothing to do with each other. Prefect looks into the fields of a dataclass before
it looks into a model, so here it is shown a dataclass of one field. Read in Prefect 3.8.8 and 3.9.1,
`prefect.utilities.collections.visit_collection`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from skillbox_core.models import RunResult


@dataclasses.dataclass
class _Shown:
    output: Any


class SkillResult(RunResult):
    """How a run of a skill in a flow ended."""

    @classmethod
    def of(cls, result: RunResult) -> SkillResult:
        """The same result, as a skill task gives it."""
        return cls.model_construct(result.model_fields_set, **dict(result))

    @property
    def __dataclass_fields__(self) -> dict[str, dataclasses.Field[Any]]:
        # Short texts and small numbers are one object too, wherever they come from.
        whole = isinstance(self.output, (dict, list))
        return {field.name: field for field in dataclasses.fields(_Shown)} if whole else {}
