"""The first rows of the tables that a run left, as table artifacts.

They are read where they are sent, so that no run waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial

from prefect_skillbox.observe.artifacts import Artifact, Home, Later, artifact_key, code
from skillbox_core.base.text import harmless
from skillbox_core.errors import SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.models import RunResult
from skillbox_core.operations.table_preview import TablePreview, preview, tables

logger = logging.getLogger(__name__)

SHOWN = 100
"""Characters of a cell, and of a column's name."""


def table_artifacts(
    result: RunResult, home: Home, installation: Installation, redact: Callable[[str], str]
) -> Iterator[Later]:
    """The tables among the files of a run.

    Args:
        redact: Takes secrets out of names and cells.
    """
    for file in tables(result.artifacts.files):
        yield Later(partial(_table, result, file.path, home, installation, redact))


def _table(
    result: RunResult, path: str, home: Home, installation: Installation, redact: Callable[[str], str]
) -> Artifact | None:
    try:
        with installation.artifacts.open_file(result.artifacts, path) as file:
            found = preview(file, path)
    except SkillboxError as error:
        found = f"can't be had: {error}"
    if isinstance(found, str):
        logger.info("no preview of %a, a file of execution %s: it %s", redact(path), result.execution_id, found)
        return None
    of = f"`{result.skill}@{result.version}`, execution `{result.execution_id}`"
    return Artifact(
        "table",
        artifact_key("table", result.skill, result.tenant),
        rows_shown(found, redact),
        f"{code(redact(path))} of {of}: {extent(found)}",
        home,
    )


def extent(found: TablePreview) -> str:
    """How large a table is, and how much of it is shown."""
    rows = "rows" if found.length is None else _count(found.length, "row")
    parts = []
    if found.length != len(found.rows):
        parts.append(f"the first {_count(len(found.rows), 'row')}")
    if found.columns > len(found.names):
        parts.append(f"the first {len(found.names)} columns")
    return f"{rows} of {_count(found.columns, 'column')}" + (f"; shown: {', '.join(parts)}" if parts else "")


def rows_shown(found: TablePreview, redact: Callable[[str], str] = str) -> list[dict[str, str]]:
    """A table as the UI takes one: each row by the names of columns, which hold the types; a cell is code."""
    names: list[str] = []
    for number, (name, kind) in enumerate(zip(found.names, found.types, strict=True), 1):
        shown = f"{_cut(harmless(redact(name))) or f'column {number}'} ({_cut(harmless(kind))})"
        names.append(shown if shown not in names else f"{shown} #{number}")
    rows = [
        dict(zip(names, (code(_cut(redact(cell))) if cell else "" for cell in row), strict=True)) for row in found.rows
    ]
    return rows or [dict.fromkeys(names, "")]


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
