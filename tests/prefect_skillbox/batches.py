"""What tests of batches run, and how they look at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.task_runners import ThreadPoolTaskRunner

from skillbox_core import Runner, RunResult

ECHO = """
import json
n = json.load(open("/sandbox/input.json"))
print("line of", n)
if n in (3, "bad"): raise SystemExit(7)
json.dump(n, open("/sandbox/out/output.json", "w"))
"""
"""Gives its input back, but for 3 and "bad"."""


def threads() -> ThreadPoolTaskRunner[Any]:
    """The task runner of their flows."""
    return ThreadPoolTaskRunner(max_workers=4)


def outputs(results: Sequence[RunResult]) -> list[Any]:
    """What skills gave."""
    return [result.output for result in results]


def records(runner: Runner, name: str) -> list[str]:
    """The statuses of all executions of a skill."""
    return sorted(row.status for row in runner.installation.executions.list("default", skill=name, limit=1000))
