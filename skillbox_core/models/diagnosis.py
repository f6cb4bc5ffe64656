"""Why a run ended as it did, for its reader: what kind of thing happened, in one sentence, and what helps."""

from __future__ import annotations

from dataclasses import dataclass

from skillbox_core.status import Category


@dataclass(frozen=True)
class Diagnosis:
    """Why a run failed, or what a success should be warned of. The fields are a stable contract.

    Attributes:
        category: What kind of thing happened, for programs.
        summary: One short sentence; for a skill's own exception the exception's line and the exit code. What
            `RunResult.error` says of a failure.
        detail: The last lines that the skill wrote to stderr, redacted and bounded; empty when there are none.
        resolution: What the reader can do about it, where the summary does not say so itself; may be empty.
    """

    category: Category
    summary: str
    detail: str = ""
    resolution: str = ""
