"""Tables are read from files of each kind, by any writer, and what is none is an error of ours."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import polars
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv, feather, ipc, parquet

from skillbox_core.base.arrow import read_table, table_format
from skillbox_core.errors import InvalidRequestError, OutputError

TABLE = pa.table({"kind": ["a", "b", None], "n": [1, 2, 3], "x y": [0.5, None, 2.0]})


def written(write: Callable[[Any], Any]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def batches(make: Callable[..., Any], file: io.BytesIO) -> None:
    with make(file, TABLE.schema) as writer:
        writer.write_table(TABLE)


FRAME = polars.from_arrow(TABLE)
WRITTEN: dict[str, bytes] = {
    "a.parquet": written(lambda file: parquet.write_table(TABLE, file)),
    "of polars.parquet": written(FRAME.write_parquet),
    "UPPER.PARQUET": written(lambda file: parquet.write_table(TABLE, file, compression="zstd")),
    "a.csv": written(lambda file: csv.write_csv(TABLE, file)),
    "with a mark.csv": b"\xef\xbb\xbf" + written(lambda file: csv.write_csv(TABLE, file)),
    "a.tsv": written(lambda file: csv.write_csv(TABLE, file, csv.WriteOptions(delimiter="\t"))),
    "a.arrow": written(lambda file: batches(ipc.new_file, file)),
    "a stream.arrow": written(lambda file: batches(ipc.new_stream, file)),
    "a.arrows": written(lambda file: batches(ipc.new_stream, file)),
    "a.feather": written(lambda file: feather.write_feather(TABLE, file)),
    "of polars.arrow": written(FRAME.write_ipc),
    "a.jsonl": b'{"kind": "a", "n": 1, "x y": 0.5}\n{"kind": "b", "n": 2}\n{"n": 3, "x y": 2.0}\n',
    "a.ndjson": b'{"kind": "a", "n": 1, "x y": 0.5}\n{"kind": "b", "n": 2}\n{"n": 3, "x y": 2.0}',
}


@pytest.mark.parametrize("path", WRITTEN)
@pytest.mark.parametrize("columns", [None, ["n", "kind"], []])
def test_a_table_is_read_by_its_extension_whole_or_in_part(path: str, columns: list[str] | None) -> None:
    expected = TABLE if columns is None else TABLE.select(columns)
    found = read_table(io.BytesIO(WRITTEN[path]), path, columns)
    told = [{name: value or None for name, value in row.items()} for row in found.to_pylist()]
    assert (found.column_names, told) == (expected.column_names, expected.to_pylist())


@pytest.mark.parametrize("path", ["a.json", "a.xlsx", "a.csv.gz", "parquet", "a.parquet/b", ".csv", ""])
def test_what_is_no_table_by_its_name_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"\.parquet, \.csv, .* \(open\(path\) gives the file itself\)"):
        table_format(path)


@pytest.mark.parametrize("path", [path for path in WRITTEN if " " not in path])
@pytest.mark.parametrize(
    "data", [b"", b"no table\0\xff", b"ARROW1", b"FEA1", b"PAR1PAR1", b"\xff\xff\xff\xff\xff\xff\xff\x7f"]
)
def test_what_is_not_what_its_extension_says_is_an_error_of_the_output(path: str, data: bytes) -> None:
    try:
        read_table(io.BytesIO(data), path)
    except OutputError as error:
        assert re.match(rf"'{path}' can't be read as (Parquet|[CT]SV|Arrow|JSON lines): \S", str(error))
    else:
        assert path.endswith(("csv", "tsv", "jsonl", "ndjson")), "any line may be the header of a CSV"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["N"], "no column 'N'"),
        (["kinds"], "no column 'kinds' .did you mean 'kind'"),
        (["zzz", "n"], "no column 'zzz' .its columns: 'kind', 'n', 'x y'"),
        ("n", r"columns is one text.*columns=\['n'\]"),
    ],
)
@pytest.mark.parametrize("path", ["a.parquet", "a.csv", "a.arrow"])
def test_a_column_that_is_not_there_is_an_error(path: str, columns: Sequence[str], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        read_table(io.BytesIO(WRITTEN[path]), path, columns)


def test_a_column_that_is_there_twice_can_not_be_chosen() -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["n", "n"])
    for path, write in (("a.parquet", parquet.write_table), ("a.csv", csv.write_csv)):
        data = written(lambda file, write=write: write(twice, file))
        with pytest.raises(InvalidRequestError, match="more than one column 'n'"):
            read_table(io.BytesIO(data), path, ["n"])


def test_a_text_that_is_no_utf_8_is_noticed_before_another_library_believes_it() -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe")]
    )
    table = pa.table({"s": broken})
    for path, write in (("a.parquet", parquet.write_table), ("a.feather", feather.write_feather)):
        data = written(lambda file, write=write: write(table, file))
        with pytest.raises(OutputError, match="UTF"):
            read_table(io.BytesIO(data), path)


@pytest.mark.parametrize("columns", [None, ["b"]])
def test_a_column_whose_name_is_no_utf_8_is_noticed(columns: list[str] | None) -> None:
    with pytest.raises(OutputError, match="utf-8"):
        read_table(io.BytesIO(b"\x80a,b\n1,2\n"), "a.csv", columns)


@given(st.sampled_from(["a.parquet", "a.arrow", "a.arrows", "a.csv", "a.jsonl"]), st.data())
def test_a_damaged_file_is_a_table_or_an_error_of_ours(path: str, data: st.DataObject) -> None:
    whole = bytearray(WRITTEN[path])
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert read_table(io.BytesIO(whole[: data.draw(st.integers(0, len(whole)))]), path).num_columns >= 0
    except OutputError as error:
        assert path in str(error)


@pytest.mark.parametrize("times", [100_000, 10])
def test_a_cell_may_be_long_and_have_line_ends(times: int) -> None:
    cell = 'line one\nline two, and "quoted"' if times > 10 else "x" * 3_000_000
    table = pa.table({"n": list(range(times)), "text": [cell] * times})
    assert read_table(io.BytesIO(written(lambda file: csv.write_csv(table, file))), "a.csv").equals(table)
    lines = "".join(f'{{"n": {number}, "text": {json.dumps(cell)}}}\n' for number in range(times))
    assert read_table(io.BytesIO(lines.encode()), "a.jsonl").equals(table)


def test_a_csv_file_that_is_no_utf_8_is_an_error_that_names_the_column() -> None:
    with pytest.raises(OutputError, match=r"column 'b' is not UTF-8"):
        read_table(io.BytesIO(b"a,b\n1,\xe4\n"), "a.csv")


def test_columns_are_chosen_by_their_names() -> None:
    with pytest.raises(InvalidRequestError, match="1 is none"):
        read_table(io.BytesIO(WRITTEN["a.csv"]), "a.csv", [1])  # type: ignore[list-item]
