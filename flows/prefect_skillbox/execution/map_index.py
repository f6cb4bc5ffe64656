"""Which run of a map, or which part of a batch, a task run is, as its name and those of its steps say."""

from __future__ import annotations

from prefect.context import TaskRunContext


def suffix(index: int | None) -> str:
    """What the names of a run and its steps end with; nothing for a run that is not one of a map."""
    return "" if index is None else f"[{index}]"


def span(first: int, count: int) -> str:
    """The same of a task run for several inputs of a batch: `[0-99]`, `[100]` for one."""
    return suffix(first) if count == 1 else f"[{first}-{first + count - 1}]"


def current_suffix() -> str:
    """That of the task run of a skill around the caller."""
    context = TaskRunContext.get()
    return suffix(getattr(context.task, "index", None)) if context is not None else ""
