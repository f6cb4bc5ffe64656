"""Tables of any library as batches of Arrow, read one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from skillbox_core.base.arrow import pyarrow_module
from skillbox_core.inputs.columns import difference, plain_schema
from skillbox_core.inputs.frame_errors import FrameError, said


class OwnError(Exception):
    """What an iterator of the caller's own raised, who knows it best as it is."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def read_frame(rows: Any) -> tuple[Any, Iterator[Any]]:
    """The schema of a table, and its batches.

    Raises:
        FrameError: It is none, or can't be read as Arrow.
        OwnError: An iterator of the caller's own raised something; so when the batches are read.
    """
    if hasattr(rows, "__arrow_c_stream__"):
        return _stream(rows)
    items = _items(rows)
    first = next(items, None)
    if first is None:
        raise FrameError(
            "has no columns: its iterator gives no batch",
            "one that was read before gives none; give a list, or make the iterator anew",
        )
    schema, batches = _stream(_batch(first, 1))
    # What pandas says there about its index holds for one of its frames, not for all together.
    kept = {key: value for key, value in (schema.metadata or {}).items() if key != b"pandas"}
    return schema.with_metadata(kept), _all_batches(schema, batches, items)


def _items(rows: Any) -> Iterator[Any]:
    try:
        yield from rows
    except Exception as error:
        raise OwnError(error) from None


def _all_batches(schema: Any, batches: Iterator[Any], items: Iterable[Any]) -> Iterator[Any]:
    yield from batches
    wanted = plain_schema(schema)
    for number, item in enumerate(items, 2):
        found, batches = _stream(_batch(item, number))
        plain = plain_schema(found)
        if not plain.equals(wanted):
            raise FrameError(f"has another schema in batch {number}: {difference(wanted, plain)}")
        yield from batches


def _batch(item: Any, number: int) -> Any:
    if not hasattr(item, "__arrow_c_stream__"):
        raise FrameError(f"is to be made of record batches, and number {number} is a {type(item).__name__}")
    return item


def _stream(given: Any) -> tuple[Any, Iterator[Any]]:
    frame = _without_row_numbers(given)
    if type(frame).__module__.startswith("polars"):
        # polars gives the addresses of the objects.
        for column, kind in dict(getattr(frame, "schema", {})).items():
            if "Object" in str(kind):
                raise FrameError(f"has a column {column!a} of Python objects, which no file can hold")
    pyarrow = pyarrow_module()
    try:
        reader = pyarrow.RecordBatchReader.from_stream(frame)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        words = said(error)
        if "non-struct" in words:
            raise FrameError(
                f"is one column ({type(frame).__name__}), not a table", "such as series.to_frame()"
            ) from None
        column = _culprit(frame)
        where = f"has a column {column!a} that can't be read as Arrow" if column else "can't be read as Arrow"
        raise FrameError(f"{where}: {words}") from None
    except Exception as error:  # a query that fails as it is asked raises what its library has for that
        raise FrameError(f"can't be read as Arrow: {type(error).__name__}: {said(error)}") from None
    return reader.schema, _batches(reader)


def _batches(reader: Any) -> Iterator[Any]:
    try:
        yield from reader
    except OSError as error:
        # A query of DuckDB that comes to a bad row is this. What an iterator behind a reader of pyarrow raised is too,
        # and no fault of the table: it may be gone at the next try, with a reader made anew.
        if "Python exception" in str(error):
            raise
        raise FrameError(f"can't be read to its end: {said(error)}") from None


def _without_row_numbers(frame: Any) -> Any:
    """A frame of pandas without the numbers of rows that it was chosen from: which these are must not make a column."""
    if not any(
        kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "DataFrame" for kind in type(frame).__mro__
    ):
        return frame
    index = frame.index
    numbers = list(index.names) == [None] and getattr(index.dtype, "kind", "") in "iu"
    return frame.reset_index(drop=True) if numbers else frame


def _culprit(frame: Any) -> str | None:
    """Which column can't be read, where the error does not say it."""
    pyarrow = pyarrow_module()
    for column in getattr(frame, "columns", ()):
        try:
            one = frame[[column]]
        except Exception:  # frames of libraries that nobody here knows
            return None
        try:
            pyarrow.RecordBatchReader.from_stream(one)
        except (pyarrow.ArrowException, TypeError, ValueError):
            return str(column)
    return None
