"""What a step's function takes is found out once, and not in each of its runs."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest
from prefect import Task
from prefect._internal.engine import resolve_custom_task_run_name

from prefect_skillbox.execution import step_tasks

pytestmark = pytest.mark.once
STEPS = list(step_tasks._STEPS.values())


def test_there_are_seven_steps() -> None:
    assert [step.name for step in STEPS] == [
        "create-record", "load-skill", "create-container", "wait", "collect-output", "upload-artifacts", "cleanup",
    ]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_its_signature_is_not_made_again(step: Task[..., Any]) -> None:
    for function in (step.fn, step.task_run_name):
        assert callable(function)
        assert signature(function) is signature(function)
    assert list(signature(step.fn).parameters) == ["call"]


def test_a_run_of_a_step_is_named_after_the_skill() -> None:
    token = step_tasks._title.set("word-count@1.0.0[3]")
    try:
        assert resolve_custom_task_run_name(step_tasks._STEPS["wait"], {}) == "word-count@1.0.0[3] · wait"
    finally:
        step_tasks._title.reset(token)
