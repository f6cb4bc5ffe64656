"""Mapped skills: each run is submitted with its index, which is part of its name."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, Self

from prefect import Task
from prefect.client.schemas.objects import RunInput
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

RunName = str | Callable[..., str]
"""A template with a task's parameters, or a function that may take them as `parameters`."""


class Numbered(Protocol):
    """A task that can be told which one of a map it is."""

    def at(self, index: int) -> Task[..., Any]:
        """The same task, as the run at this index."""
        ...


class NumberingRunner(TaskRunner[PrefectFuture[Any]]):
    """Hands the runs of one map on to a flow's own runner, each with its index.

    Args:
        task: What is mapped.
        runner: The flow's own runner.
    """

    def __init__(self, task: Numbered, runner: TaskRunner[Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._task = task
        self._runner = runner
        self._indexes = itertools.count()

    def duplicate(self) -> Self:
        """See `prefect.task_runners.TaskRunner`."""
        return type(self)(self._task, self._runner)

    def submit(
        self,
        task: Task[..., Any],  # noqa: ARG002
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: dict[str, set[RunInput]] | None = None,
    ) -> PrefectFuture[Any]:
        """See `prefect.task_runners.TaskRunner`."""
        numbered = self._task.at(next(self._indexes))
        future: PrefectFuture[Any] = self._runner.submit(numbered, parameters, wait_for, dependencies)
        return future


@dataclass(frozen=True)
class IndexedName:
    """The name of one run of a map, or of a batch: that of any run, and its index or indexes.

    Parts of the input are in it only where the author's own name for the task asks for them.

    Attributes:
        suffix: See `prefect_skillbox.execution.map_index`.
    """

    name: RunName
    suffix: str

    def __call__(self, parameters: dict[str, Any]) -> str:
        """See the option `task_run_name` of `prefect.Task`."""
        if isinstance(self.name, str):
            name = self.name.format(**parameters)
        elif "parameters" in inspect.signature(self.name).parameters:
            name = self.name(parameters=parameters)
        else:
            name = self.name()
        # Prefect says what is wrong with a name that is no text.
        return f"{name}{self.suffix}" if isinstance(name, str) else name


def literally(text: str) -> str:
    """A text as a template that stands for itself."""
    return text.replace("{", "{{").replace("}", "}}")
