"""Tables as files: what is taken, what is written, that the same rows are the same bytes, and what is refused."""

from __future__ import annotations

import functools
import gc
import io
import itertools
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from skillbox_core import RunOptions, errors
from skillbox_core.base.cancel import CancelToken
from skillbox_core.errors import InvalidRequestError
from skillbox_core.inputs import frames
from skillbox_core.inputs.sources import input_files
from skillbox_core.inputs.written import write_frames
from skillbox_core.models import FrameFile, InputFile, Source

LIMIT = 100_000_000
COLUMNS = {"id": list(range(1000)), "kind": ["a", "b", None, "é"] * 250, "price": [0.5, -1.0] * 500}
TABLE = pa.table(COLUMNS)


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "ROWS", 64)


def written(tmp_path: Path, rows: Any, name: str = "t.parquet", limit: int = LIMIT) -> Path:
    """The file that a table becomes in a call."""
    (file,) = write_frames(input_files({name: rows}), tmp_path, limit)
    assert isinstance(file.frame, FrameFile)
    return Path(file.frame.path)


@pytest.fixture
def write(tmp_path: Path) -> Any:
    numbers = itertools.count()

    def one(rows: Any, name: str = "t.parquet", limit: int = LIMIT) -> Path:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return written(folder, rows, name, limit)

    return one


def batches(table: pa.Table, size: int) -> Iterator[pa.RecordBatch]:
    yield from table.to_batches(max_chunksize=size)


def itself(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch


def relation() -> Any:
    return duckdb.connect().from_arrow(TABLE).order("id")


SAME_ROWS = {
    "pyarrow table": lambda: TABLE,
    "pyarrow table in chunks": lambda: pa.Table.from_batches(batches(TABLE, 7)),
    "reader": lambda: pa.RecordBatchReader.from_batches(TABLE.schema, batches(TABLE, 100)),
    "generator": lambda: batches(TABLE, 300),
    "list of batches": lambda: list(batches(TABLE, 64)),
    "iterator of a list": lambda: iter(list(batches(TABLE, 10))),
    "generator of polars frames": lambda: (pl.from_arrow(batch) for batch in batches(TABLE, 90)),
    "large text": lambda: TABLE.cast(pa.schema([("id", "int64"), ("kind", pa.large_string()), ("price", "float64")])),
    "text views": lambda: TABLE.cast(pa.schema([("id", "int64"), ("kind", pa.string_view()), ("price", "float64")])),
    "dictionary": lambda: TABLE.set_column(1, "kind", TABLE["kind"].dictionary_encode()),
    "a dictionary for each chunk": lambda: pa.Table.from_batches(
        [batch.set_column(1, "kind", batch["kind"].dictionary_encode()) for batch in batches(TABLE, 33)]
    ),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars in chunks": lambda: pl.concat([pl.from_arrow(batch) for batch in batches(TABLE, 11)], rechunk=False),
    "polars categories": lambda: pl.DataFrame(COLUMNS).with_columns(pl.col("kind").cast(pl.Categorical)),
    "polars enum": lambda: pl.DataFrame(COLUMNS).with_columns(pl.col("kind").cast(pl.Enum(["é", "z", "b", "a"]))),
    "duckdb": relation,
    "a slice of more": lambda: pa.concat_tables([TABLE, TABLE]).slice(1000),
}


@pytest.mark.parametrize("extension", frames.FORMATS)
@pytest.mark.parametrize("rows", SAME_ROWS.values(), ids=SAME_ROWS)
@pytest.mark.usefixtures("small_groups")
def test_the_same_rows_are_the_same_bytes_however_they_are_held(write: Any, rows: Any, extension: str) -> None:
    assert write(rows(), f"t{extension}").read_bytes() == write(TABLE, f"t{extension}").read_bytes()


@pytest.mark.usefixtures("small_groups")
def test_frames_of_pandas_are_told_apart_by_their_values_and_not_by_their_chunks(write: Any) -> None:
    frame = pd.DataFrame(COLUMNS)
    chunked = pd.concat([frame[:10], frame[10:]])
    assert write(frame).read_bytes() == write(frame.copy()).read_bytes() == write(chunked).read_bytes()
    assert write(frame).read_bytes() != write(frame.assign(id=1)).read_bytes()
    # What pandas adds to a schema of its own is in Parquet; a CSV has no place for it.
    assert write(frame, "t.csv").read_bytes() == write(TABLE, "t.csv").read_bytes()
    assert pq.read_table(write(frame)).to_pydict() == TABLE.to_pydict()
    pd.testing.assert_frame_equal(pd.read_parquet(write(frame)), frame)


def test_every_format_is_read_back_as_what_was_given(write: Any) -> None:
    rows = TABLE.to_pylist()
    assert pq.read_table(write(TABLE)).to_pylist() == rows
    assert pa.ipc.open_file(write(TABLE, "t.arrow")).read_all().to_pylist() == rows
    assert pa.ipc.open_file(write(TABLE, "t.feather")).read_all().to_pylist() == rows
    assert pa.ipc.open_stream(write(TABLE, "t.arrows")).read_all().to_pylist() == rows
    assert pyarrow.csv.read_csv(
        write(TABLE, "T.CSV"), convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    ).equals(TABLE)
    assert write(pa.table({"t": ["", None, "a,b", 'q"']}), "t.csv").read_text() == '"t"\n""\n\n"a,b"\n"q"""\n'


def test_a_row_group_has_a_fixed_number_of_rows(write: Any) -> None:
    metadata = pq.ParquetFile(write(pa.table({"n": range(2 * frames.ROWS + 1)}))).metadata
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    assert groups == [frames.ROWS, frames.ROWS, 1]


@pytest.mark.parametrize("extension", frames.FORMATS)
@pytest.mark.parametrize(
    "rows",
    [
        lambda: TABLE.schema.empty_table(),
        lambda: pl.DataFrame(COLUMNS).clear(),
        lambda: pd.DataFrame(COLUMNS)[:0],
        lambda: [TABLE.to_batches()[0][:0]],
        lambda: pa.RecordBatchReader.from_batches(TABLE.schema, []),
    ],
    ids=["pyarrow", "polars", "pandas", "batches", "reader"],
)
def test_a_table_without_rows_has_its_columns(write: Any, rows: Any, extension: str) -> None:
    at = write(rows(), f"t{extension}")
    match extension:
        case ".parquet":
            read = pq.read_table(at)
        case ".csv":
            read = pyarrow.csv.read_csv(at)
        case ".arrows":
            read = pa.ipc.open_stream(at).read_all()
        case _:
            read = pa.ipc.open_file(at).read_all()
    assert (read.num_rows, read.column_names) == (0, list(COLUMNS))


KINDS = pa.table(
    {
        "null": pa.nulls(2),
        "when": pa.array([0, None], pa.timestamp("ns", "Europe/Berlin")),
        "day": pa.array([0, None], pa.date32()),
        "time": pa.array([0, None], pa.time64("us")),
        "long": pa.array([1, None], pa.duration("us")),
        "exact": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
        "flag": [True, None],
        "half": pa.array([0.5, None], pa.float16()),
    }
)


@pytest.mark.parametrize("frame", [KINDS, pl.from_arrow(KINDS)], ids=["pyarrow", "polars"])
def test_values_of_any_plain_kind_arrive(write: Any, frame: Any) -> None:
    assert pl.read_parquet(write(frame)).equals(pl.from_arrow(KINDS))
    with pytest.raises(InvalidRequestError, match=r"'long' of type duration.*without their unit"):
        write(frame, "t.csv")
    plain = frame.drop(["long"]) if frame is KINDS else frame.drop("long")
    assert write(plain, "t.csv").read_text().startswith('"null","when","day"')


def test_lists_and_maps_are_alike_whatever_their_library_calls_what_is_in_them(write: Any) -> None:
    told = write(duckdb.sql("select [1::bigint, 2] a")).read_bytes()
    assert told == write(pl.DataFrame({"a": [[1, 2]]})).read_bytes() == write(pa.table({"a": [[1, 2]]})).read_bytes()
    pairs = duckdb.sql("select map {'x': 'y'} m")
    kind = pa.map_(pa.string(), pa.string())
    assert write(pairs).read_bytes() == write(pa.table({"m": pa.array([[("x", "y")]], kind)})).read_bytes()


@pytest.mark.parametrize("extension", frames.FORMATS)
def test_what_a_null_hides_is_not_in_the_file(write: Any, extension: str) -> None:
    people = pl.DataFrame({"name": ["hunter", "x"], "pin": [0x53454352, 2]})
    masked = people.with_columns(pl.when(pl.col("pin") == 2).then(pl.all()))
    below = pa.array(["hunter", "x"])
    validity = pa.array([None, "x"]).buffers()[0]
    hidden = pa.table(
        {"name": pa.Array.from_buffers(pa.string(), 2, [validity, *below.buffers()[1:]]), "pin": [None, 2]}
    )
    for table in (masked, hidden):
        found = write(table, f"t{extension}").read_bytes()
        assert b"hunter" not in found
        assert (0x53454352).to_bytes(4, "little") not in found
        assert found == write(pa.table({"name": [None, "x"], "pin": [None, 2]}), f"t{extension}").read_bytes()
    struct = pa.array([{"name": "hunter"}, {"name": "x"}])
    nested = pa.Array.from_buffers(struct.type, 2, [validity], children=[struct.field(0)])
    if extension != ".csv":
        assert b"hunter" not in write(pa.table({"s": nested}), f"t{extension}").read_bytes()


WORD = pa.string()
PIN = 0x53454352
PEOPLE = pl.DataFrame(
    {"ok": [False, True, False, True], "text": ["hunter", "x", "hunter", None], "pin": [PIN, 7, PIN, None]}
)
HIDING: dict[str, Any] = {
    "struct": lambda each, masked: pl.struct(masked, "ok"),
    "null structs": lambda each, masked: pl.when("ok").then(pl.struct(each, "ok")),
    "structs": lambda each, masked: pl.struct(pl.struct(masked), pl.when("ok").then(pl.struct(each)).alias("b")),
    "list": lambda each, masked: pl.concat_list(masked, masked),
    "null lists": lambda each, masked: pl.when("ok").then(pl.concat_list(each, each)),
    "list of structs": lambda each, masked: pl.concat_list(pl.struct(masked), pl.when("ok").then(pl.struct(each))),
    "struct of lists": lambda each, masked: pl.when("ok").then(pl.struct(pl.concat_list(each, masked).alias("l"))),
    "array": lambda each, masked: pl.concat_arr(masked, masked),
    "null arrays": lambda each, masked: pl.when("ok").then(pl.concat_arr(each, each)),
    "array of structs": lambda each, masked: pl.concat_arr(pl.struct(masked), pl.when("ok").then(pl.struct(each))),
}


@pytest.mark.parametrize("extension", [each for each in frames.FORMATS if each != ".csv"])
@pytest.mark.parametrize("each", ["text", "pin"])
@pytest.mark.parametrize("column", HIDING.values(), ids=HIDING)
def test_what_a_null_hides_inside_a_column_is_not_in_the_file(
    write: Any, column: Any, each: str, extension: str
) -> None:
    masked = PEOPLE.select(column(pl.col(each), pl.when("ok").then(each).alias(each)).alias("c"))
    at = write(masked, f"t{extension}")
    found = at.read_bytes()
    assert b"hunter" not in found
    assert PIN.to_bytes(4, "little") not in found
    assert found == write(pl.DataFrame(masked.to_dicts(), schema=masked.schema), f"t{extension}").read_bytes()
    assert found == write(pl.concat([masked[:2], masked[2:]], rechunk=False), f"t{extension}").read_bytes()
    assert found == write(pl.concat([masked, masked])[4:], f"t{extension}").read_bytes()
    if extension == ".parquet":
        assert pl.read_parquet(at).to_dicts() == masked.to_dicts()


def test_what_a_null_hides_in_a_map_is_not_in_the_file(write: Any) -> None:
    validity = pa.array([None, 1]).buffers()[0]
    below = pa.array(["hunter", "x"])
    hidden = pa.Array.from_buffers(WORD, 2, [validity, *below.buffers()[1:]])
    kind = pa.map_(WORD, WORD)
    keys, offsets = pa.array(["a", "b"]), pa.array([0, 1, 2], pa.int32())
    pairs = pa.StructArray.from_arrays([keys, below], fields=[kind.key_field, kind.item_field])
    for column, rows in (
        (pa.MapArray.from_arrays(offsets, keys, hidden), [[("a", None)], [("b", "x")]]),
        (pa.Array.from_buffers(kind, 2, [validity, offsets.buffers()[1]], children=[pairs]), [None, [("b", "x")]]),
    ):
        found = write(pa.table({"m": column}), "t.arrow").read_bytes()
        assert b"hunter" not in found
        assert found == write(pa.table({"m": pa.array(rows, kind)}), "t.arrow").read_bytes()
        views = column[1:].cast(pa.map_(pa.string_view(), pa.string_view()))
        expected = pa.table({"m": pa.array(rows[1:], kind)})
        assert write(pa.table({"m": views}), "t.arrow").read_bytes() == write(expected, "t.arrow").read_bytes()


def foreign(values: list[str | None]) -> pa.Array:
    """Values in a dictionary that has one of another table."""
    return pa.array(["OTHERSECRET", *values]).dictionary_encode()[1:]


FOUR: list[str | None] = ["a", "b", None, "a"]
WITH_DICTIONARIES: dict[str, tuple[Any, pa.DataType]] = {
    "struct": (lambda: pa.StructArray.from_arrays([foreign(FOUR)], ["x"]), pa.struct([("x", WORD)])),
    "list": (lambda: pa.ListArray.from_arrays([0, 1, 1, 4], foreign(FOUR)), pa.list_(WORD)),
    "large list": (lambda: pa.LargeListArray.from_arrays([0, 1, 1, 4], foreign(FOUR)), pa.list_(WORD)),
    "list view": (lambda: pa.ListViewArray.from_arrays([1, 0], [3, 2], foreign(FOUR)), pa.list_(WORD)),
    "large list view": (lambda: pa.LargeListViewArray.from_arrays([1, 0], [3, 2], foreign(FOUR)), pa.list_(WORD)),
    "array": (lambda: pa.FixedSizeListArray.from_arrays(foreign(FOUR), 2), pa.list_(WORD, 2)),
    "keys of a map": (
        lambda: pa.MapArray.from_arrays([0, 1, 2], foreign(["a", "b"]), pa.array(["c", "d"])),
        pa.map_(WORD, WORD),
    ),
    "values of a map": (
        lambda: pa.MapArray.from_arrays([0, 1, 2], pa.array(["c", "d"]), foreign(["a", None])),
        pa.map_(WORD, WORD),
    ),
    "deep": (
        lambda: pa.ListArray.from_arrays(
            [0, 2], pa.StructArray.from_arrays([pa.FixedSizeListArray.from_arrays(foreign(FOUR), 2)], ["x"])
        ),
        pa.list_(pa.struct([("x", pa.list_(WORD, 2))])),
    ),
    "runs": (lambda: pa.RunEndEncodedArray.from_arrays([1, 3], pa.array(["a", "b"])), WORD),
    "polars struct": (
        lambda: pl.select(c=pl.struct(pl.lit("a").cast(pl.Categorical).alias("x")))["c"].to_arrow(),
        pa.struct([("x", WORD)]),
    ),
    "polars list": (lambda: pl.Series([["a", None]], dtype=pl.List(pl.Categorical)).to_arrow(), pa.list_(WORD)),
    "polars array": (
        lambda: pl.Series([["a"]], dtype=pl.Array(pl.Enum(["OTHERSECRET", "a"]), 1)).to_arrow(),
        pa.list_(WORD, 1),
    ),
}


@pytest.mark.parametrize("extension", [".parquet", ".arrow"])
@pytest.mark.parametrize(("column", "kind"), WITH_DICTIONARIES.values(), ids=WITH_DICTIONARIES)
def test_a_dictionary_inside_a_column_is_not_in_the_file(
    write: Any, column: Any, kind: pa.DataType, extension: str
) -> None:
    given = column()
    found = write(pa.table({"c": given}), f"t{extension}").read_bytes()
    assert b"OTHERSECRET" not in found
    plain = pa.array(given.to_pylist(), kind)
    assert found == write(pa.table({"c": plain}), f"t{extension}").read_bytes()
    if extension == ".arrow":
        assert pa.ipc.open_file(found).schema.field("c").type.equals(kind, check_metadata=True)


def test_the_categories_that_polars_names_inside_a_struct_are_not_in_the_file(write: Any) -> None:
    kinds = pl.Enum(["OTHERSECRET", "a"])
    frame = pl.select(c=pl.struct(pl.lit("a").cast(kinds).alias("x")))
    for extension in (".parquet", ".arrow"):
        found = write(frame, f"t{extension}").read_bytes()
        assert b"OTHERSECRET" not in found
        assert found == write(pa.table({"c": [{"x": "a"}]}), f"t{extension}").read_bytes()


def test_what_may_not_be_null_stands_inside_what_may(write: Any) -> None:
    whole = pa.array([1, 2])
    inner = [pa.field("x", pa.int64(), nullable=False)]
    validity = pa.array([None, 1]).buffers()[0]
    struct = pa.Array.from_buffers(pa.struct(inner), 2, [validity], children=[whole])
    array = pa.Array.from_buffers(pa.list_(inner[0], 1), 2, [validity], children=[whole])
    read = pq.read_table(write(pa.table({"s": struct, "a": array})))
    assert read.to_pydict() == {"s": [None, {"x": 2}], "a": [None, [2]]}


def test_lists_of_nothing_and_structs_of_nothing_keep_their_rows(write: Any) -> None:
    table = pa.table(
        {"s": pa.array([{}, None], pa.struct([])), "l": pa.array([[], None], pa.list_(pa.string_view(), 0))}
    )
    assert pa.ipc.open_file(write(table, "t.arrow")).read_all().to_pydict() == table.to_pydict()


def test_an_extension_of_arrow_hides_nothing_and_arrives(write: Any) -> None:
    kind = pa.opaque(pa.struct([("x", pa.string())]), "point", "here")
    validity = pa.array([None, "x"]).buffers()[0]
    storage = pa.Array.from_buffers(kind.storage_type, 2, [validity], children=[pa.array(["hunter", "x"])])
    at = write(pa.table({"c": pa.ExtensionArray.from_storage(kind, storage)}), "t.arrow")
    assert b"hunter" not in at.read_bytes()
    read = pa.ipc.open_file(at).read_all()["c"]
    assert read.type == kind
    assert read.to_pylist() == [None, {"x": "x"}]


def test_nested_values_and_bytes_arrive_in_parquet(write: Any) -> None:
    nested = pl.DataFrame({"l": [["a"], []], "s": [{"x": 1, "y": "z"}] * 2, "b": [b"\0", None]})
    assert pl.read_parquet(write(nested)).equals(nested)


def test_the_numbers_of_rows_that_pandas_keeps_are_no_column(write: Any) -> None:
    frame = pd.DataFrame({"k": list("aabbc"), "v": range(5)})
    parts = [
        frame,
        frame[frame["v"].isin([0, 2, 4])],
        frame[frame["v"].isin([0, 2, 3])],
        *(g for _, g in frame.groupby("k")),
    ]
    for part in parts:
        assert pq.read_schema(write(part)).names == ["k", "v"]
        assert write(part, "t.csv").read_text().splitlines()[0] == '"k","v"'
    named = frame.groupby("k").sum()
    assert pq.read_schema(write(named)).names == ["v", "k"]
    days = frame.set_index(pd.to_datetime(["2026-11-29"] * 5))
    assert pq.read_schema(write(days)).names == ["k", "v", "__index_level_0__"]

    class Own(pd.DataFrame):
        """As geopandas has one."""

    assert pq.read_schema(write(Own(frame[frame["v"] > 1]))).names == ["k", "v"]


def test_chunks_of_a_reader_of_pandas_are_one_table(write: Any) -> None:
    text = io.StringIO(pd.DataFrame(COLUMNS).to_csv(index=False))
    read = pd.read_parquet(write(pd.read_csv(text, chunksize=300)))
    pd.testing.assert_frame_equal(read, pd.DataFrame(COLUMNS))


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"a.parquet": TABLE}, ["a.parquet"]),
        ({"a.parquet": batches(TABLE, 9)}, ["a.parquet"]),
        ({"a.parquet": list(batches(TABLE, 9))}, ["a.parquet"]),
        ({"a.parquet": tuple(batches(TABLE, 9))}, ["a.parquet"]),
        ({"in": {"a.csv": TABLE, "b.arrow": pl.DataFrame(COLUMNS)}}, ["in/a.csv", "in/b.arrow"]),
        ({"in": {"a.csv": TABLE}}, ["in/a.csv"]),
        ({"in": [{"a.csv": TABLE}, {"b.csv": pd.DataFrame(COLUMNS)}]}, ["in/a.csv", "in/b.csv"]),
        ([{"a.csv": TABLE}, "/x.csv", {"y.csv": "s3://b/y.csv"}], ["a.csv", "", "y.csv"]),
        ({"UPPER.Parquet": TABLE}, ["UPPER.Parquet"]),
    ],
)
def test_tables_stand_where_files_stand(files: Any, names: list[str]) -> None:
    found = input_files(files)
    assert [file.name for file in found] == names
    assert all((file.frame is not None) == (file.source is Source.FRAME) for file in found)
    assert RunOptions(files=found).files == found


@pytest.mark.parametrize("frame", [TABLE, pl.DataFrame(COLUMNS), pd.DataFrame(COLUMNS), relation(), batches(TABLE, 1)])
@pytest.mark.parametrize("written", [lambda frame: frame, lambda frame: [frame], lambda frame: {"in": [frame, frame]}])
def test_a_table_without_a_name_is_refused_with_the_way_out(frame: Any, written: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r'name of its own \(.*files=\{"name\.parquet": table\}'):
        input_files(written(frame))


def test_an_iterator_of_paths_is_told_to_be_a_list() -> None:
    with pytest.raises(InvalidRequestError, match=r"a generator has no name of its own .*for several files a list"):
        input_files(path for path in ("/a", "/b"))


@pytest.mark.parametrize("paths", [lambda: (path for path in "ab"), lambda: map(str, "ab"), lambda: iter(["/a"])])
def test_an_iterator_of_paths_under_a_plain_name_is_told_to_be_a_list(paths: Any) -> None:
    said = r"a \w+ is read as a table, batch by batch, and .* as 'in' \(.*for several files give a list\)"
    with pytest.raises(InvalidRequestError, match=said):
        input_files({"in": paths()})


@pytest.mark.parametrize("name", ["in", "in/", "in.parquet"])
@pytest.mark.parametrize(
    "tables", [[TABLE, TABLE], (pl.DataFrame(COLUMNS),), ["/a", pd.DataFrame(COLUMNS)]], ids=["list", "tuple", "mixed"]
)
def test_tables_in_a_list_under_one_name_are_told_to_have_names(tables: Any, name: str) -> None:
    said = rf"{name!r} is a (list|tuple) with tables in it, .*name of its own \(files=\{{\"name\.parquet\": table"
    with pytest.raises(InvalidRequestError, match=said):
        input_files({name: tables})


@pytest.mark.parametrize("files", [lambda lazy: {"a.parquet": lazy}, lambda lazy: lazy, lambda lazy: {"in": [lazy]}])
def test_a_lazy_frame_is_told_to_be_collected(files: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"taken from a LazyFrame \(its collect\(\) is a table in memory\)"):
        input_files(files(pl.LazyFrame(COLUMNS)))


@pytest.mark.parametrize("name", ["a.xlsx", "a", "parquet", "a.csv.gz", "in/a.json"])
def test_a_name_of_another_format_is_refused_with_the_list(name: str) -> None:
    said = r"can't be written as .* \(its name must end in \.parquet, \.csv, \.arrow, \.feather or \.arrows\)"
    with pytest.raises(InvalidRequestError, match=said):
        input_files({name: TABLE})


@pytest.mark.parametrize(
    "value",
    [pl.LazyFrame(COLUMNS), pd.DataFrame(COLUMNS).to_numpy(), io.StringIO("a,b"), pa.array([1]), pa.Table, object()],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_table_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"can't be taken from a .*a table in memory"):
        input_files({"a.parquet": value})


def of_types(*types: Any) -> pa.RecordBatchReader:
    columns = [("ok", pa.int64()), *((f"c{number}", kind) for number, kind in enumerate(types))]
    return pa.RecordBatchReader.from_batches(pa.schema(columns), [])


REFUSED: dict[str, tuple[Any, str, str]] = {
    "no columns": (pa.table({}), "t.parquet", "has no columns"),
    "no columns, pandas": (pd.DataFrame(), "t.csv", "has no columns"),
    "two of a name": (pa.table([[1], [2]], names=["a", "a"]), "t.parquet", "two columns 'a'"),
    "two of a name, pandas": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "t.csv", "Duplicate column names"),
    "a list in CSV": (of_types(pa.list_(pa.int64())), "t.csv", r"column 'c0' of type list<.*write \.parquet instead"),
    "a struct in CSV": (of_types(pa.struct([("x", pa.int64())])), "t.csv", "column 'c0' of type struct"),
    "bytes in CSV": (of_types(pa.string(), pa.large_binary()), "t.csv", "column 'c1' of type binary"),
    "a uuid in CSV": (of_types(pa.uuid()), "t.csv", "column 'c0'"),
    "an interval": (of_types(pa.month_day_nano_interval()), "t.parquet", "column 'c0' of type month_day_nano"),
    "a union": (of_types(pa.dense_union([pa.field("a", pa.int64())])), "t.arrow", "column 'c0' of type dense_union"),
    "a dictionary in an extension": (
        of_types(pa.list_(pa.opaque(pa.list_(pa.dictionary(pa.int32(), pa.string())), "x", "y"))),
        "t.arrow",
        "column 'c0' of type extension<.*has a dictionary inside.*give the values",
    ),
    "an empty struct": (of_types(pa.struct([])), "t.parquet", "column 'c0' of type struct<>"),
    "Int128": (pl.DataFrame({"ok": [1], "big": pl.Series([1], dtype=pl.Int128)}), "t.parquet", "column 'big'"),
    "objects": (pl.DataFrame({"ok": [1], "o": pl.Series([object()], dtype=pl.Object)}), "t.arrow", "column 'o' of Py"),
    "mixed values": (pd.DataFrame({"ok": [1, 2], "m": [1, "x"]}), "t.parquet", "column 'm'.*can't be read as Arrow"),
    "a series": (pl.Series("s", [1]), "t.parquet", r"one column \(Series\), not a table"),
    "a column": (pa.chunked_array([[1]]), "t.parquet", "one column"),
    "no batches": (iter([]), "t.parquet", "gives no batch"),
    "rows": (iter([{"a": 1}]), "t.parquet", "number 1 is a dict"),
    "rows later": (iter([TABLE.to_batches()[0], "x"]), "t.parquet", "number 2 is a str"),
    "another type": (
        iter([pa.record_batch({"a": [1]}), pa.record_batch({"a": ["x"]})]),
        "t.parquet",
        "another schema in batch 2: column 'a' is string, in the first it is int64",
    ),
    "another column": (
        [pa.record_batch({"a": [1]}), pa.record_batch({"b": [1]})],
        "t.csv",
        "batch 2: column 'b' where the first has 'a'",
    ),
    "more columns": (
        [pa.record_batch({"a": [1]}), pa.record_batch({"a": [1], "b": [1]})],
        "t.csv",
        "batch 2: 2 columns, the first has 1",
    ),
}


@pytest.mark.parametrize(("rows", "name", "said"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_written_is_refused_by_its_column(write: Any, rows: Any, name: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        write(rows, name)
    assert name in str(caught.value)


def closed_relation() -> Any:
    with duckdb.connect() as connection:
        return connection.sql("select 1 a")


def test_a_query_that_fails_is_an_error_of_its_table(write: Any) -> None:
    cast = duckdb.sql("select x::int from (values ('1'), ('b')) t(x)")
    late = duckdb.sql("select case when i = 900000 then error('bad row') else i end x from range(1000000) t(i)")
    for query, said in (
        (cast, "'q.parquet' can't be read as Arrow: ConversionException: .*Could not convert string 'b' to INT32"),
        (closed_relation(), "'q.parquet' can't be read as Arrow: ConnectionException: .*already been closed"),
        (late, "'q.parquet' can't be read to its end: .*bad row"),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            write(query, "q.parquet")


def test_an_error_of_an_iterator_behind_a_reader_is_not_the_tables(write: Any) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        raise ConnectionError("page 4")

    with pytest.raises(OSError, match="page 4"):
        write(pa.RecordBatchReader.from_batches(TABLE.schema, failing()))


def test_an_error_of_a_generator_is_its_own(write: Any) -> None:
    class MineError(ValueError):
        pass

    def failing() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        raise MineError("row 17")

    with pytest.raises(MineError, match="row 17"):
        write(failing())


def test_the_limit_holds_while_a_table_is_written(write: Any) -> None:
    given = 0

    def many() -> Iterator[pa.RecordBatch]:
        nonlocal given
        for given in range(1, 21):  # noqa: B007
            yield pa.record_batch({"n": pa.array(range(100_000))})

    with pytest.raises(InvalidRequestError, match="SKILLBOX_MAX_INPUT_FILES_SIZE"):
        write(many(), "t.csv", limit=2_000_000)
    assert given < 10
    assert write(TABLE, limit=write(TABLE).stat().st_size)
    with pytest.raises(InvalidRequestError, match="SKILLBOX_MAX_INPUT_FILES_SIZE"):
        write(TABLE, limit=write(TABLE).stat().st_size - 1)


def test_the_limit_is_for_all_tables_of_a_call_together(tmp_path: Path) -> None:
    size = written(tmp_path, TABLE).stat().st_size
    tmp_path.joinpath("0").unlink()
    both = input_files({"a.parquet": TABLE, "b.parquet": TABLE})
    with pytest.raises(InvalidRequestError, match="over this installation's limit"):
        write_frames(both, tmp_path, 2 * size - 1)


def test_a_cancelled_call_stops_writing(tmp_path: Path) -> None:
    token = CancelToken()

    def cancelling() -> Iterator[pa.RecordBatch]:
        for batch in itertools.repeat(pa.record_batch({"n": range(frames.ROWS)})):
            yield batch
            token.cancel()

    with pytest.raises(errors.RunCancelledError):
        write_frames(input_files({"a.csv": cancelling()}), tmp_path, LIMIT, token)


@pytest.mark.parametrize(
    "iterator",
    [
        lambda: batches(TABLE, 10),
        lambda: pa.RecordBatchReader.from_batches(TABLE.schema, batches(TABLE, 10)),
        lambda: map(itself, list(batches(TABLE, 10))),
        lambda: iter(list(batches(TABLE, 10))),
    ],
    ids=["generator", "reader", "map", "list_iterator"],
)
def test_an_iterator_serves_one_call_and_never_becomes_an_empty_file(write: Any, iterator: Any) -> None:
    rows = iterator()
    assert pq.read_metadata(write(rows)).num_rows == 1000
    with pytest.raises(InvalidRequestError, match=r"was read before"):
        write(rows)


BREAKING: dict[str, Any] = {
    "map": lambda fetch: map(fetch, range(1, 8)),
    "filter": lambda fetch: filter(None, map(fetch, range(1, 8))),
    "chain": lambda fetch: itertools.chain(map(fetch, range(1, 8))),
    "starmap": lambda fetch: itertools.starmap(fetch, zip(range(1, 8), strict=True)),
    "callable": lambda fetch: iter(functools.partial(lambda numbers: fetch(next(numbers)), iter(range(1, 8))), None),
    "generator": lambda fetch: (fetch(number) for number in range(1, 8)),
}


@pytest.mark.parametrize("pages", BREAKING.values(), ids=BREAKING)
def test_an_iterator_that_broke_off_is_not_read_on_from_its_middle(write: Any, pages: Any) -> None:
    def fetch(number: int) -> pa.RecordBatch:
        if number == 4 and not failed:
            failed.append(number)
            raise ConnectionError("page 4")
        return pa.record_batch({"page": [number]})

    failed: list[int] = []
    rows = pages(fetch)
    with pytest.raises(ConnectionError, match="page 4"):
        write(rows, "pages.parquet")
    for _ in range(2):
        with pytest.raises(InvalidRequestError, match=r"'pages\.parquet' was read before"):
            write(rows, "pages.parquet")


def test_an_iterator_that_was_over_the_limit_is_not_read_on_from_its_middle(write: Any) -> None:
    rows = iter([pa.record_batch({"n": range(frames.ROWS)}) for _ in range(9)])
    with pytest.raises(InvalidRequestError, match="SKILLBOX_MAX_INPUT_FILES_SIZE"):
        write(rows, "t.arrow", limit=1_000_000)
    with pytest.raises(InvalidRequestError, match="was read before"):
        write(rows, "t.arrow")


def test_an_iterator_that_broke_off_is_held_no_longer_than_by_others(write: Any) -> None:
    class Fetch:
        def __call__(self, number: int) -> Any:
            raise ConnectionError(number)

    fetch = Fetch()
    fetched, rows = weakref.ref(fetch), map(fetch, [1])
    del fetch
    with suppress(ConnectionError):
        write(rows)
    gc.collect()
    write(iter([TABLE.to_batches()[0]]))
    assert fetched() is not None
    del rows
    write(iter([TABLE.to_batches()[0]]))
    assert fetched() is None


def test_an_iterator_that_is_being_read_gives_nobody_else_a_part(write: Any) -> None:
    def inside() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        with pytest.raises(InvalidRequestError, match="was read before"):
            write(held[0])
        yield TABLE.to_batches()[0]

    held: list[Any] = [map(itself, inside())]
    assert pq.read_metadata(write(held[0])).num_rows == 2000


def test_without_pyarrow_an_error_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path\n"
        "from skillbox_core.inputs.sources import input_files\n"
        "from skillbox_core.inputs.written import write_frames\n"
        "import polars\n"
        "write_frames(input_files({'a.csv': polars.DataFrame({'a': [1]})}), Path(sys.argv[1]), 1000)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True)
    said = ended.stderr.splitlines()[-1]
    assert "tables need pyarrow, which can't be imported here" in said
    assert said.endswith("(pip install 'skillbox-core[tables]')")


def test_nothing_of_arrow_is_imported_before_a_table_is_written() -> None:
    program = (
        "import sys, skillbox_core\n"
        "from skillbox_core.inputs.sources import input_files\n"
        "input_files([{'a.csv': iter([])}, '/x'])\n"
        "print({'pyarrow', 'pandas', 'polars', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "set()\n"


def test_memory_is_flat_while_a_large_table_passes(tmp_path: Path) -> None:
    program = (
        "import resource, sys\n"
        "import numpy, pyarrow as pa\n"
        "from pathlib import Path\n"
        "from skillbox_core.inputs.sources import input_files\n"
        "from skillbox_core.inputs.written import write_frames\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "def rows(n):\n"
        "    for seed in range(n):\n"
        "        yield pa.record_batch({c: numpy.random.default_rng(seed).random(50_000) for c in 'abcdefgh'})\n"
        "folder = Path(sys.argv[1])\n"
        "write_frames(input_files({'small.parquet': rows(5)}), folder / 'a', 10**10)\n"
        "before = peak()\n"
        "write_frames(input_files({'large.parquet': rows(60)}), folder / 'b', 10**10)\n"
        "print(peak() - before)\n"
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ended = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert (tmp_path / "b" / "0").stat().st_size > 150_000_000
    assert int(ended.stdout) < 48 * 1024


def test_a_file_of_a_call_is_named_by_what_is_in_it(tmp_path: Path) -> None:
    one, other = write_frames(input_files([{"a.csv": TABLE}, "/x"]), tmp_path, LIMIT)
    assert isinstance(one.frame, FrameFile)
    assert one == InputFile(Source.FRAME, "", name="a.csv", frame=one.frame)
    assert other == InputFile(Source.PATH, "/x")
