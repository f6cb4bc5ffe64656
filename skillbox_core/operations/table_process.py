"""The process that reads the beginning of one stranger's table, and then ends.

A Parquet file of a kilobyte can unfold to gigabytes, name a hundred thousand columns, or be made to hurt its parser; so
this is a program of its own, within limits that the kernel keeps (`skillbox_core.base.helper`). It is started by its
path (`skillbox_core.operations.table_preview`), knows nothing of this package, and is given the file as a descriptor.
Once its parser is loaded it can open no file and no socket any more, and write to no file.

It is told a line to begin with. Its answer is a JSON line: `{"problem": ...}`, or the table's columns, first rows and
how many of each there are.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

ROWS = 10
COLUMNS = 20
CELL = 2_000
"""Characters of a cell, before secrets are taken out of it and it is cut to what is shown."""
HEAD = 256 * 1024
"""Bytes of a text that are read."""
OUT_OF_MEMORY = 12
"""The exit code that says so."""

_DELIMITERS = ",;\t|"
_KINDS = {
    "integer": re.compile(r"[+-]?[0-9]{1,18}"),
    "number": re.compile(r"[+-]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,4})?"),
    "boolean": re.compile(r"true|false", re.IGNORECASE),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "datetime": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{5,8}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9:]{2,6})?"),
}


class NotATableError(Exception):
    """Why a file can't be shown; nothing that it holds stands in it."""


def main(descriptor: int, kind: str) -> None:
    """Answers on stdout, once there is a line on stdin."""
    sys.stdin.buffer.readline()
    os.nice(10)
    with os.fdopen(descriptor, "rb") as file:
        try:
            read = csv_table if kind in ("csv", "tsv") else _arrow_reader(kind)
            for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
                resource.setrlimit(limit, (0, 0))
            said = read(file, kind)
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except NotATableError as error:
            said = {"problem": str(error)}
        except Exception as error:
            said = {"problem": f"is no {kind} file that can be read ({type(error).__name__})"}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    # Whatever its parser still had to do at an end, it does not.
    os._exit(0)


def _answer(
    names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]], *, columns: int, length: int | None
) -> dict[str, Any]:
    return {
        "names": [name[:CELL] for name in names[:COLUMNS]],
        "types": [kind[:CELL] for kind in types[:COLUMNS]],
        "rows": [[cell[:CELL] for cell in row[:COLUMNS]] for row in rows[:ROWS]],
        "columns": columns,
        "length": length,
    }


def csv_table(file: IO[bytes], kind: str) -> dict[str, Any]:
    """The beginning of a text.

    Raises:
        NotATableError: It is none with rows.
    """
    data = file.read(HEAD + 1)
    text = _text(data[:HEAD])
    whole = len(data) <= HEAD
    if not whole:
        text, newline, _ = text.rpartition("\n")
        if not newline:
            raise NotATableError(f"has a line of more than {HEAD // 1024} KiB")
    csv.field_size_limit(2 * HEAD)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, kind)) if row]
    if not rows:
        raise NotATableError("is empty")
    names, *rest = rows
    if not whole and rest:
        # A quote that is still open takes all lines behind it.
        del rest[-1]
    width = max(map(len, rows))
    shown = [row + [""] * (width - len(row)) for row in rest[:ROWS]]
    types = [_kind(row[column] for row in rest if column < len(row)) for column in range(min(width, COLUMNS))]
    names += [""] * (min(width, COLUMNS) - len(names))
    return _answer(names, types, shown, columns=width, length=len(rest) if whole else None)


def _text(data: bytes) -> str:
    # Codecs that need no module: none can be loaded any more.
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        raise NotATableError("is no text: it has NUL bytes")
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def _delimiter(text: str, kind: str) -> str:
    first = text.partition("\n")[0]
    return "\t" if kind == "tsv" else max(_DELIMITERS, key=first.count)


def _kind(cells: Iterator[str]) -> str:
    """What all cells of a column are that are not empty."""
    possible = dict(_KINDS)
    some = False
    for cell in cells:
        if cell.strip():
            some = True
            possible = {name: form for name, form in possible.items() if form.fullmatch(cell.strip())}
            if not possible:
                return "text"
    return next(iter(possible)) if some else "empty"


def _arrow_reader(kind: str) -> Callable[[IO[bytes], str], dict[str, Any]]:
    """Loads the parser, while it can still be opened."""
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    try:
        import pyarrow as pa
        import pyarrow.compute
    except ImportError:
        raise NotATableError("can't be read: pyarrow is not there") from None
    pa.set_cpu_count(1)
    if kind == "parquet":
        import pyarrow.parquet
    return _parquet if kind == "parquet" else _arrow


def _parquet(file: IO[bytes], _kind: str) -> dict[str, Any]:
    import pyarrow.parquet

    opened = pyarrow.parquet.ParquetFile(file, pre_buffer=False)
    schema = opened.schema_arrow
    # By its own name a column is meant with all that is in it.
    batches = opened.iter_batches(ROWS, columns=schema.names[:COLUMNS], use_threads=False)
    return _batch(next(batches, None), schema, opened.metadata.num_rows)


def _arrow(file: IO[bytes], _kind: str) -> dict[str, Any]:
    import pyarrow as pa

    start = file.read(6)
    file.seek(0)
    options = pa.ipc.IpcReadOptions(use_threads=False)
    if start == b"ARROW1":
        reader = pa.ipc.open_file(file, options=options)
        batch = reader.get_batch(0) if reader.num_record_batches else None
        known = reader.num_record_batches < 2
    else:
        reader = pa.ipc.open_stream(file, options=options)
        batch = next(iter(reader), None)
        known = False
    return _batch(batch, reader.schema, (batch.num_rows if batch else 0) if known else None)


def _batch(batch: Any, schema: Any, length: int | None) -> dict[str, Any]:
    shown = [schema.field(index) for index in range(min(len(schema), COLUMNS))]
    columns: list[list[str]] = []
    if batch is not None:
        # Nothing else checks that its offsets stay inside: a lie would be read as whatever lies there.
        batch.validate(full=True)
        head = batch.slice(0, ROWS)
        columns = [_cells(head.column(index)) for index in range(min(len(shown), head.num_columns))]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return _answer(
        [field.name for field in shown], [str(field.type) for field in shown], rows, columns=len(schema), length=length
    )


def _cells(column: Any) -> list[str]:
    return [_shown(column[index]) for index in range(len(column))]


def _shown(value: Any) -> str:
    """A cell, or its type where it can't be shown, as what would need a module that can't be loaded any more."""
    try:
        return _cell(value)
    except MemoryError:
        raise
    except Exception:
        return f"({value.type})"


def _cell(value: Any) -> str:
    import pyarrow as pa

    if not value.is_valid:
        return ""
    if pa.types.is_timestamp(value.type):
        # What knows zones would have to open their files.
        plain = value.cast(pa.timestamp(value.type.unit)).cast(pa.string()).as_py()
        return f"{plain}Z" if value.type.tz else str(plain)
    if pa.types.is_temporal(value.type):
        return str(value.cast(pa.string()).as_py())
    found = value.as_py()
    return f"{len(found)} bytes" if isinstance(found, bytes) else str(found)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
