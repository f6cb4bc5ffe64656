"""What a runtime did not measure is said as that wherever people read a run, and never looks like little."""

from __future__ import annotations

import pytest

from prefect_skillbox.observe.batch_table import _row_of
from prefect_skillbox.observe.reporting import summary
from skillbox_core import RunResult
from skillbox_core.cli.run import _facts
from skillbox_core.models import Usage

LIMIT = 592 * 1024**2


def result(usage: Usage) -> RunResult:
    return RunResult(execution_id="e" * 32, status="success", skill="s", version="1.0.0", usage=usage)


@pytest.mark.parametrize(
    ("usage", "facts", "table", "row"),
    [
        (Usage(0, 6 * 1024**2, 0.04, LIMIT, 1024**2), "container's peak 6Mi of 592Mi · cpu 0.04 s",
         {"container's peak memory": "6Mi", "files in memory at the end": "1Mi", "CPU": "0.04 s"}, "6Mi"),
        (Usage(0, None, None, LIMIT), "container's peak not reported · cpu not reported",
         dict.fromkeys(("container's peak memory", "files in memory at the end", "CPU"), "not reported"),
         "not reported"),
        # gVisor's newer versions count processor time only.
        (Usage(0, None, 1.5, LIMIT), "container's peak not reported · cpu 1.50 s",
         {"container's peak memory": "not reported", "CPU": "1.50 s"}, "not reported"),
        # There was no sandbox that could have reported anything.
        (Usage(), "", {}, ""),
    ],
)  # fmt: skip
def test_figures_are_shown_as_what_they_are(usage: Usage, facts: str, table: dict[str, str], row: str) -> None:
    ended = result(usage)
    between = f" · {facts}" if facts else ""
    assert _facts(ended) == f"s@1.0.0 · success · 0.00 s{between} · execution {ended.execution_id}"
    text = summary(ended)
    for name in ("container's peak memory", "files in memory at the end", "CPU"):
        if name in table:
            assert f"| {name} | {table[name]} |" in text
        elif not facts:
            assert name not in text
    assert _row_of(1, ended)["peak memory"] == row
