"""Tables in memory as files: which values are tables, and how one is written, batch by batch.

The one door is Arrow's PyCapsule interface (`__arrow_c_stream__`), so that pandas, polars, pyarrow and DuckDB are one
to this module, and none of them is needed. pyarrow writes.

The same rows under the same columns give the same bytes, however they were cut into batches: a row group has a fixed
number of rows, and each is laid out anew before it is written. What a library keeps beside the values, such as the
dictionary of a categorical column, which holds what other tables of the process had, is not written.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import IO, Any

from skillbox_core.base.arrow import pyarrow_module
from skillbox_core.errors import DiskError, InvalidRequestError
from skillbox_core.inputs.columns import bare, cast, plain_schema
from skillbox_core.inputs.frame_errors import FrameError, said
from skillbox_core.inputs.frame_reading import OwnError, read_frame

ROWS = 65_536
"""Rows of a row group in Parquet and of a batch in Arrow files: what is held in memory at once."""
FORMATS = (".parquet", ".csv", ".arrow", ".feather", ".arrows")
_NAMED = 'files={"name.parquet": table}'


def is_frame(value: Any) -> bool:
    """Whether a value is a table, or gives the batches of one."""
    if isinstance(value, (str, bytes, io.IOBase, type)):
        return False
    return hasattr(value, "__arrow_c_stream__") or is_read_once(value)


def is_read_once(value: Any) -> bool:
    """Whether reading uses a value up."""
    return hasattr(type(value), "__next__")


def are_batches(value: Any) -> bool:
    """Whether a list is of record batches, which are one table together."""
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(hasattr(item, "__arrow_c_array__") and hasattr(item, "__arrow_c_stream__") for item in value)
    )


def check_named(name: str, rows: Any) -> None:
    """Checks that a table stands under a name that says its format.

    Raises:
        InvalidRequestError: There is no name, or it asks for no format of `FORMATS`.
    """
    if not name or name.endswith("/"):
        table = hasattr(rows, "__arrow_c_stream__")
        raise InvalidRequestError(
            f"a {type(rows).__name__} has no name of its own",
            hint=_NAMED if table else f"for batches of a table {_NAMED}, for several files a list",
        )
    try:
        frame_format(name)
    except InvalidRequestError as error:
        if hasattr(rows, "__arrow_c_stream__"):
            raise
        raise InvalidRequestError(
            f"a {type(rows).__name__} is read as a table, batch by batch, and {error.message}",
            hint=f"{error.hint}; for several files give a list",
        ) from None


def frame_format(name: str) -> str:
    """Which format the name of a file asks for, one of `FORMATS`.

    Raises:
        InvalidRequestError: It asks for none of these.
    """
    extension = PurePosixPath(name).suffix.lower()
    if extension not in FORMATS:
        formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise InvalidRequestError(f"a table can't be written as {name!a}", hint=f"its name must end in {formats}")
    return extension


class Sink(io.RawIOBase):
    """A file that is written once, from its beginning to its end, up to a limit; what is in it is digested.

    Args:
        file: Unbuffered, so that a full disk is noticed where it is written and not where it is closed.
        check: Called with the bytes of each write, before they are written; may raise.
    """

    def __init__(self, file: IO[bytes], check: Callable[[int], None]) -> None:
        super().__init__()
        self._file = file
        self._check = check
        self._digest = hashlib.sha256()
        self.size = 0
        self.error: BaseException | None = None

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def tell(self) -> int:
        """See `io.IOBase`."""
        return self.size

    def write(self, data: Any) -> int:
        """See `io.RawIOBase`."""
        with memoryview(data).cast("B") as view:
            try:
                self._check(view.nbytes)
                self._write(view)
            except BaseException as error:
                # pyarrow gives some errors of a file as others, and writes on when it closes.
                self.error = self.error or error
                raise
            self._digest.update(view)
            self.size += view.nbytes
            return view.nbytes

    def _write(self, view: memoryview) -> None:
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise DiskError(f"a table can't be written into the spool: {error.strerror}") from None

    @property
    def sha256(self) -> str:
        """The digest of what was written so far."""
        return self._digest.hexdigest()


def write_frame(rows: Any, name: str, sink: Sink) -> None:
    """Writes a table in the format that its name asks for.

    Args:
        rows: What `is_frame` or `are_batches` says yes to.
        name: Of the file inside; also for messages.

    Raises:
        InvalidRequestError: It is no table, or has a column that this format can't hold; or pyarrow is missing.
        BaseException: What an iterator of the caller's own raises, and what the sink does.
    """
    form = frame_format(name)
    pyarrow = pyarrow_module()
    try:
        schema, batches = read_frame(rows)
        target = _target_schema(schema, form)
        options = {"row_group_size": ROWS} if form == ".parquet" else {}
        with _writer(form, target, sink) as writer:
            for table in _regrouped(batches, target):
                writer.write_table(table, **options)
    except OwnError as own:
        raise own.error from None
    except FrameError as error:
        raise InvalidRequestError(f"the table {name!a} {error}", hint=error.hint) from None
    except BaseException as error:
        if sink.error is not None:
            raise sink.error from None
        if not isinstance(error, (pyarrow.ArrowException, TypeError, ValueError)):
            raise
        raise InvalidRequestError(f"the table {name!a} can't be written: {said(error)}") from None


def _target_schema(schema: Any, form: str) -> Any:
    """The columns as they are written, checked."""
    if not schema.names:
        raise FrameError("has no columns")
    twice = sorted({column for column in schema.names if schema.names.count(column) > 1})
    if twice:
        raise FrameError(f"has two columns {twice[0]!a}")
    pyarrow = pyarrow_module()
    target = plain_schema(schema)
    for field in target:
        binary = pyarrow.types.is_binary(field.type) or pyarrow.types.is_fixed_size_binary(field.type)
        try:
            if form == ".csv" and binary:
                raise FrameError("bytes are no text")
            if form == ".csv" and pyarrow.types.is_duration(field.type):
                raise FrameError("it would be numbers without their unit")
            alone = pyarrow.schema([field])
            with _writer(form, alone, io.BytesIO()) as writer:
                writer.write_table(alone.empty_table())
        except (pyarrow.ArrowException, FrameError) as error:
            raise FrameError(
                f"has a column {field.name!a} of type {field.type}, which {form[1:]} can't hold: {said(error)}",
                "write .parquet instead" if form == ".csv" else None,
            ) from None
    return target


def _regrouped(batches: Iterable[Any], target: Any) -> Iterator[Any]:
    """The rows of a table in tables of `ROWS` rows each, each in one piece; the last may have fewer."""
    held: list[Any] = []
    left = ROWS
    for whole in batches:
        batch = whole
        while batch.num_rows:
            part = batch.slice(0, left)
            batch = batch.slice(part.num_rows)
            held.append(cast(part, target))
            left -= part.num_rows
            if not left:
                yield _one(held, target)
                held, left = [], ROWS
    if held:
        yield _one(held, target)


def _one(parts: list[Any], target: Any) -> Any:
    """Tables as one in memory of its own: a slice brings bits of its neighbours along, which Arrow files have too."""
    pyarrow = pyarrow_module()
    # pyarrow hands a single array on as it is.
    parts = [*parts, parts[0].slice(0, 0)]
    columns = []
    for number in range(len(target)):
        chunks = [chunk for part in parts for chunk in part.column(number).chunks]
        columns.append(bare(pyarrow.concat_arrays(chunks)))
    return pyarrow.Table.from_arrays(columns, schema=target)


def _writer(form: str, schema: Any, sink: Any) -> Any:
    import pyarrow.csv
    import pyarrow.parquet

    match form:
        case ".parquet":
            return pyarrow.parquet.ParquetWriter(sink, schema)
        case ".csv":
            return pyarrow.csv.CSVWriter(sink, schema)
        case ".arrows":
            return pyarrow.ipc.new_stream(sink, schema)
    return pyarrow.ipc.new_file(sink, schema)
