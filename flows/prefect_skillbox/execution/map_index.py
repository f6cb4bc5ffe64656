"""Which run of a map a task run is, as the names of it and of its steps say."""

from __future__ import annotations

from prefect.context import TaskRunContext


def suffix(index: int | None) -> str:
    """What the names of a run and its steps end with; nothing for a run that is not one of a map."""
    return "" if index is None else f"[{index}]"


def current_suffix() -> str:
    """That of the task run of a skill around the caller."""
    context = TaskRunContext.get()
    return suffix(getattr(context.task, "index", None)) if context is not None else ""
