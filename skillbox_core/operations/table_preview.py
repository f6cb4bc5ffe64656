"""The first rows of the tables that a skill left: CSV, Parquet and Arrow files, read in a process of their own.

A file is a stranger's, and so is whatever the process says that read it: its answer is checked and cut again here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import IO, Any

from skillbox_core.base.arrow import FORMATS
from skillbox_core.base.helper import Helper, Turns
from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import InfrastructureError
from skillbox_core.models import FileDigest
from skillbox_core.operations.table_process import CELL, COLUMNS, ROWS

MAX_TABLES = 3
"""Tables of a run."""
MAX_TABLE_SIZE = 16 * 1024 * 1024
"""Bytes of a file: all of it comes from the store, since its digest is checked."""
CPU_SECONDS = 5
MEMORY = 1024 * 1024 * 1024
PATIENCE = 10.0
MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of JSON: `ROWS` times `COLUMNS` cells of `CELL` characters, escaped, and their names and types."""
_AT_ONCE = 2
_PROGRAM = Path(__file__).with_name("table_process.py")

_KINDS = {"CSV": "csv", "TSV": "tsv", "Parquet": "parquet", "Arrow": "arrow"}


@dataclass(frozen=True)
class TablePreview:
    """The beginning of a table. Names, types and cells are a stranger's text of at most `CELL` characters.

    Attributes:
        names, types: Of the first `COLUMNS` columns.
        rows: The first `ROWS`, with those columns.
        columns: How many there are, as the file says.
        length: Rows of the table, as the file says; None where that is not known.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    columns: int
    length: int | None


def table_kind(path: str) -> str | None:
    """What kind of table a file is by its name; None for any other file."""
    return _KINDS.get(FORMATS.get(PurePosixPath(path).suffix.lower(), ""))


def readable() -> frozenset[str]:
    """The kinds of tables that can be read here: Parquet and Arrow need the extra `tables`."""
    return frozenset(_KINDS.values()) if find_spec("pyarrow") else frozenset({"csv", "tsv"})


def tables(files: Sequence[FileDigest]) -> tuple[FileDigest, ...]:
    """The files that a preview is made of: the first few tables, by their paths, that are not too large."""
    named = [file for file in files if table_kind(file.path) and 0 < file.size <= MAX_TABLE_SIZE]
    # To look for a package takes longer than all else here, and most runs leave no table.
    kinds = readable() if named else frozenset()
    found = [file for file in named if table_kind(file.path) in kinds]
    return tuple(sorted(found, key=lambda file: file.path)[:MAX_TABLES])


def preview(file: IO[bytes], path: str) -> TablePreview | str:
    """The beginning of a table, or why it can't be shown.

    Args:
        file: On a real file, at its beginning.
        path: Its name says what kind of table it is.

    Raises:
        InfrastructureError: The helper could not be started.
    """
    kind = table_kind(path) or "csv"
    with _turns:
        helper = Helper(
            "the preview of a table",
            _PROGRAM,
            [str(file.fileno()), kind],
            memory=MEMORY,
            patience=PATIENCE,
            cpu_seconds=CPU_SECONDS,
            file=file.fileno(),
        )
        try:
            answer = helper.ask(b"\n", MAX_ANSWER)
        except InfrastructureError:
            return "ended the process that read it"
        finally:
            helper.end()
    if answer is None:
        return f"takes over {CPU_SECONDS} s of processor time or {format_bytes(MEMORY)} of memory"
    return checked(answer)


def checked(answer: bytes) -> TablePreview | str:
    """What a helper said, as far as it is what one says."""
    try:
        said: dict[str, Any] = json.loads(answer)
        if "problem" in said:
            return str(said["problem"])[:CELL]
        names, types = (tuple(_cell(cell) for cell in said[part][:COLUMNS]) for part in ("names", "types"))
        rows = tuple(tuple(_cell(cell) for cell in row[: len(names)]) for row in said["rows"][:ROWS])
        length = None if said["length"] is None else int(said["length"])
        if len(types) != len(names) or any(len(row) != len(names) for row in rows):
            raise ValueError
        return TablePreview(names, types, rows, int(said["columns"]), length)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return "was read by a process that said nothing that makes sense"


def _cell(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value[:CELL]


_turns = Turns(_AT_ONCE)
