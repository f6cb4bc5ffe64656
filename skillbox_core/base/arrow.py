"""Tables in files, by pyarrow: the extra `tables`, imported only where somebody asks for a table.

pyarrow parses in the caller's own process. A file that a stranger made is therefore validated whole before it is
handed on: libraries that take Arrow data over believe its offsets and its UTF-8.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from skillbox_core.base.meant import name_meant
from skillbox_core.errors import InvalidRequestError, OutputError

if TYPE_CHECKING:
    import pyarrow

BLOCK = 64 * 1024 * 1024
"""Bytes of a text that are parsed at once, at most."""
FORMATS = {
    ".parquet": "Parquet",
    ".csv": "CSV",
    ".tsv": "TSV",
    ".arrow": "Arrow",
    ".arrows": "Arrow",
    ".feather": "Arrow",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
}


def table_format(path: str) -> str:
    """The format of a table's file, by its extension. Pure.

    Raises:
        InvalidRequestError: It is none that can be read as a table.
    """
    kind = FORMATS.get(PurePosixPath(path).suffix.lower())
    if kind is None:
        raise InvalidRequestError(
            f"{path!a} can't be read as a table: its name ends in none of {', '.join(FORMATS)}",
            hint="open(path) gives the file itself",
        )
    return kind


def pyarrow_module() -> Any:
    """pyarrow, imported where a table is asked for and only there: it takes a moment, and it may be missing.

    Raises:
        InvalidRequestError: It is; says how to get it.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise InvalidRequestError(
            f"tables need pyarrow, which can't be imported here: {error}",
            hint="pip install 'skillbox-core[tables]'",
        ) from None
    return pyarrow


def read_table(file: IO[bytes], path: str, columns: Sequence[str] | None = None) -> pyarrow.Table:
    """A table from its file.

    Args:
        file: Seekable, at its beginning.
        path: Its name; the extension says the format.
        columns: Only these, in this order; of Parquet the others are not even read.

    Raises:
        InvalidRequestError: The extension is not a table's, there is no such column, or pyarrow is missing.
        OutputError: The file is not what its extension says.
    """
    kind = table_format(path)
    pa = pyarrow_module()
    try:
        if kind == "Parquet":
            table = _parquet(file, path, columns)
        else:
            table = _whole(file, kind)
            if kind in ("CSV", "TSV"):
                _check_text(table, path)
            if columns is not None:
                _check_columns(columns, table.column_names, path)
                table = table.select(list(columns))
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last one of a column's name
        said = " ".join(str(error).split())[:200]
        raise OutputError(f"{path!a} can't be read as {kind}: {said}") from None
    return table


def _parquet(file: IO[bytes], path: str, columns: Sequence[str] | None) -> Any:
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened:
        if columns is None:
            return opened.read()
        _check_columns(columns, opened.schema_arrow.names, path)
        return opened.read(columns=list(columns)).select(list(columns))


def _whole(file: IO[bytes], kind: str) -> Any:
    if kind == "JSON lines":
        from pyarrow import json

        return json.read_json(file, read_options=json.ReadOptions(block_size=_block(file)))
    if kind in ("CSV", "TSV"):
        from pyarrow import csv

        delimiter = "\t" if kind == "TSV" else ","
        return csv.read_csv(
            file,
            read_options=csv.ReadOptions(block_size=_block(file)),
            # Without it a block may end within a cell: rows that are none, and no error.
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        )
    from pyarrow import ipc

    # Writers do not agree on which extension is the stream's; the first bytes tell.
    magic = file.read(6)
    file.seek(0)
    with ipc.open_file(file) if magic == b"ARROW1" else ipc.open_stream(file) as reader:
        return reader.read_all()


def _block(file: IO[bytes]) -> int:
    """Bytes that are parsed at once: the whole file, unless it is large. A cell and a line must fit."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return min(max(size, 1), BLOCK)


def _check_text(table: Any, path: str) -> None:
    """Refuses columns that pyarrow reads as bytes, since they are no text."""
    import pyarrow as pa

    for field in table.schema:
        if pa.types.is_binary(field.type):
            raise OutputError(
                f"{path!a} can't be read as CSV: its column {field.name!a} is not UTF-8",
                hint="open(path) gives the file itself",
            )


def _check_columns(columns: Sequence[str], there: Sequence[str], path: str) -> None:
    if isinstance(columns, str):
        raise InvalidRequestError(f"columns is one text, not a list of names: columns=[{columns!a}]")
    for name in columns:
        if not isinstance(name, str):
            raise InvalidRequestError(f"columns are chosen by their names, and {name!a} is none")
        if there.count(name) != 1:
            problem = "more than one column" if name in there else "no column"
            meant = name_meant(name, there)
            hint = f"did you mean {meant!a}?" if meant and meant != name else f"its columns: {_some(there)}"
            raise InvalidRequestError(f"{path!a} has {problem} {name!a}", hint=hint)


def _some(names: Sequence[str]) -> str:
    return ", ".join(ascii(name) for name in names[:5]) + (", ..." if len(names) > 5 else "") if names else "none"
