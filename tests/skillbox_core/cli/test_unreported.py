"""A record of a run whose runtime measured nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from skillbox_core.cli.executions import _summary, _unreported
from skillbox_core.storage.tables import ExecutionRow

ROW: dict[str, Any] = {
    "id": "e" * 32, "tenant": "default", "skill_name": "s", "skill_version": "1.0.0", "created_at": datetime.now(UTC),
}  # fmt: skip


def test_a_record_says_what_was_not_reported_and_keeps_no_made_up_value() -> None:
    row = ExecutionRow(**ROW, memory_limit=1024)
    assert _unreported(row) == dict.fromkeys(("peak_memory", "file_memory", "cpu_seconds"), "not reported")
    assert {_summary(row)[name] for name in _unreported(row)} == {None}


def test_a_record_without_a_sandbox_has_nothing_to_report() -> None:
    assert _unreported(ExecutionRow(**ROW)) == {}
    assert _unreported(ExecutionRow(**ROW, memory_limit=1024, peak_memory=1, file_memory=0, cpu_seconds=0.1)) == {}
