"""A case while it runs, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skillbox_core import RunResult
from skillbox_core.errors import SkillboxError
from skillbox_core.storage.tables import ExecutionRow
from tests.hostile.cases import Case


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        said: What happened, in a few words: a status with its reason, an error, or why it was skipped.
        faults: Every promise that was not kept; empty when all held.
        seconds: How long the attack took, without what was prepared for it.
        memory: Bytes that the worker took more at its peak.
    """

    case: Case
    said: str
    faults: tuple[str, ...] = ()
    skipped: bool = False
    seconds: float = 0.0
    memory: int = 0

    @property
    def held(self) -> bool:
        """Whether the promise was kept."""
        return not self.faults and not self.skipped


@dataclass
class Trial:
    """A case while it runs: gathers what happened and which promises were not kept."""

    case: Case
    faults: list[str] = field(default_factory=list)
    said: str = ""
    seconds: float = 0.0
    memory: int = 0

    def expect(self, condition: bool, fault: str) -> None:
        """Notes a fault unless the condition holds."""
        if not condition:
            self.faults.append(fault)

    def expect_words(self, key: str, text: str) -> None:
        """Every word of the case's key must be in the text."""
        for word in self.case.words(key):
            self.expect(word in text, f"{key}: {word!r} is not in {text[:400]!r}")

    def expect_untold(self, row: ExecutionRow, result: RunResult) -> None:
        """No word of `never_tells` may be in what a record shows to people."""
        told = f"{row.logs}\n{row.error}\n{row.files_skipped}\n{result.diagnosis}"
        for word in self.case.words("never_tells"):
            self.expect(word not in told, f"{word!r} is told: {told[:400]!r}")

    def expect_warnings(self, result: RunResult) -> None:
        """Every word of `warns` must be in what is said of a success."""
        self.expect_words("warns", result.diagnosis.summary if result.ok and result.diagnosis else "")

    def refused(self, error: SkillboxError, *, rightly: bool) -> None:
        """An error of our own ended the case; it must be a sentence that anybody can be shown."""
        self.said = f"refused: {error}"
        self.expect(rightly, f"it was refused: {error}")
        self.expect_words("says", str(error))
        self.expect(str(error).isprintable() and len(str(error)) < 2000, "the error is no short sentence")

    def ended(self, result: RunResult, expected: Mapping[str, Any], max_log: int) -> None:
        """Compares a result with what is expected, and checks what every result must be."""
        self.said = f"{result.status}{f', {result.reason}' if result.reason else ''}: {result.error or 'no error'}"
        statuses, reasons = _several(expected["status"]), _several(expected.get("reason", ()))
        self.expect(result.status in statuses, f"the status is {result.status} ({result.reason}): {result.error}")
        if reasons and result.status == "failed":
            self.expect(result.reason in reasons, f"the reason is {result.reason}: {result.error}")
        if "output" in expected:
            self.expect(result.output == expected["output"], f"the output is {result.output!r}")
        if "files" in expected:
            self.expect(sorted(result.files_list) == sorted(expected["files"]), f"files are {result.files_list[:10]}")
        self.expect(len(result.logs.encode()) <= max_log, f"{len(result.logs)} characters of logs are kept")
        self.expect("\0" not in result.logs, "there is a NUL in the logs")
        self.expect(bool(result.model_dump_json()), "the result is no JSON")


def _several(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
