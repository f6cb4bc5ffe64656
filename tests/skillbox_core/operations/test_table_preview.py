"""The first rows of a table, whoever made it: right for an honest file, and an end for any other."""

from __future__ import annotations

import csv
import datetime
import io
import json
import random
import struct
from collections.abc import Callable
from decimal import Decimal
from mmap import mmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from skillbox_core.models import FileDigest
from skillbox_core.operations import table_preview, table_process
from skillbox_core.operations.table_preview import (
    CELL,
    COLUMNS,
    MAX_TABLE_SIZE,
    MAX_TABLES,
    ROWS,
    TablePreview,
    checked,
    preview,
    tables,
)

pytestmark = pytest.mark.long

MANY = 1000
ROW = {
    "id": 7,
    "name": "Köln | `x` <b>",
    "day": datetime.date(2024, 2, 29),
    "at": datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC),
    "price": Decimal("1.50"),
    "tags": ["a", "b"],
    "raw": b"\0\1",
    "none": None,
}


def seen(data: bytes, path: str) -> TablePreview | str:
    with TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return preview(file, path)


def parquet(table: Any, **options: Any) -> bytes:
    packed = io.BytesIO()
    pq.write_table(table, packed, **options)
    return packed.getvalue()


def arrow(table: Any, new: Callable[..., Any] = pa.ipc.new_file) -> bytes:
    packed = io.BytesIO()
    with new(packed, table.schema) as writer:
        writer.write_table(table)
    return packed.getvalue()


def feather(table: Any) -> bytes:
    packed = io.BytesIO()
    pyarrow.feather.write_feather(table, packed, compression="uncompressed")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "path", "shown"),
    [
        (
            b"id,name,day,some\r\n1,x,2024-02-29,true\r\n-2,,2024-03-01,\r\n",
            "a.csv",
            TablePreview(
                ("id", "name", "day", "some"),
                ("integer", "text", "date", "boolean"),
                (("1", "x", "2024-02-29", "true"), ("-2", "", "2024-03-01", "")),
                4,
                2,
            ),
        ),
        (
            b"a;b\n1,5;2.5e3\n2,5;3\n",
            "a.CSV",
            TablePreview(("a", "b"), ("text", "number"), (("1,5", "2.5e3"), ("2,5", "3")), 2, 2),
        ),
        (b"a,b\tc\n1\t\n", "a.tsv", TablePreview(("a,b", "c"), ("integer", "empty"), (("1", ""),), 2, 1)),
        ("ä\n1\n".encode("utf-8-sig"), "a.csv", TablePreview(("ä",), ("integer",), (("1",),), 1, 1)),
        ("ä\n1\n".encode("utf-16"), "a.csv", TablePreview(("ä",), ("integer",), (("1",),), 1, 1)),
        (b"\xe4\n\xe4\n", "a.csv", TablePreview(("\ufffd",), ("text",), (("\ufffd",),), 1, 1)),
        (
            b'a\n1,2\n"x\ny",\x1b[31m\n',
            "a.csv",
            TablePreview(("a", ""), ("text", "text"), (("1", "2"), ("x\ny", "\x1b[31m")), 2, 2),
        ),
        (
            b"t\n2024-02-29T12:30:00Z\n",
            "t.csv",
            TablePreview(("t",), ("datetime",), (("2024-02-29T12:30:00Z",),), 1, 1),
        ),
    ],
)
def test_a_csv_file_shows_its_rows_and_what_its_columns_hold(data: bytes, path: str, shown: TablePreview) -> None:
    assert seen(data, path) == shown


@pytest.mark.parametrize(
    ("make", "path", "known"),
    [
        (parquet, "a.parquet", True),
        (arrow, "a.arrow", True),
        (feather, "a.feather", True),
        (lambda table: arrow(table, pa.ipc.new_stream), "a.arrow", False),
    ],
    ids=["parquet", "arrow file", "feather", "arrow stream"],
)
def test_columns_have_types_and_cells_are_text(make: Callable[[Any], bytes], path: str, known: bool) -> None:
    found = seen(make(pa.Table.from_pylist([ROW] * MANY)), path)
    assert isinstance(found, TablePreview)
    assert (found.names, found.columns, len(found.rows)) == (tuple(ROW), len(ROW), ROWS)
    assert found.length == (MANY if known else None)
    assert [kind.partition("<")[0] for kind in found.types] == [
        "int64", "string", "date32[day]", "timestamp[us, tz=UTC]", "decimal128(3, 2)", "list", "binary", "null",
    ]  # fmt: skip
    assert set(found.rows) == {
        ("7", ROW["name"], "2024-02-29", "2024-02-29 12:30:00.000000Z", "1.50", "['a', 'b']", "2 bytes", "")
    }


@pytest.mark.parametrize("make", [parquet, arrow])
def test_a_table_without_rows_has_columns(make: Callable[[Any], bytes]) -> None:
    found = seen(make(pa.table({"a": pa.array([], pa.int8())})), f"a.{make.__name__}")
    assert found == TablePreview(("a",), ("int8",), (), 1, 0)


def test_a_cell_that_can_not_be_shown_takes_no_other_with_it() -> None:
    zone = pa.timestamp("us", "UTC")
    rows = pa.table(
        {
            "n": [1],
            "inside": pa.array([{"t": 0}], pa.struct([("t", zone)])),
            "list": pa.array([[1]], pa.list_(pa.timestamp("ns"))),
        }
    )
    found = seen(parquet(rows), "a.parquet")
    assert isinstance(found, TablePreview)
    assert found.rows[0][0] == "1"
    assert all(cell for cell in found.rows[0])


def test_an_answer_is_as_long_as_what_is_shown_can_be() -> None:
    wide = pa.table({f"c{number}": ["漢" * 3_000] * ROWS for number in range(COLUMNS)})
    found = seen(parquet(wide), "a.parquet")
    assert isinstance(found, TablePreview)
    assert {len(cell) for row in found.rows for cell in row} == {table_process.CELL}


def test_an_arrow_stream_is_a_table_by_its_own_extension() -> None:
    found = seen(arrow(pa.table({"n": [1]}), pa.ipc.new_stream), "a.arrows")
    assert isinstance(found, TablePreview)
    assert found.rows == (("1",),)


def test_only_the_beginning_of_a_large_text_is_read() -> None:
    found = seen(b"a,b\n" + b"1,2\n" * 3_000_000, "a.csv")
    assert found == TablePreview(("a", "b"), ("integer", "integer"), (("1", "2"),) * ROWS, 2, None)


def nested(depth: int) -> Any:
    kind: Any = pa.int8()
    for _ in range(depth):
        kind = pa.list_(kind)
    return pa.table({"a": pa.array([None], kind)})


def unfolding(megabytes: int) -> bytes:
    size = megabytes << 20
    # Memory that nobody writes to, and so takes none: a text of Python's would be copied twice besides.
    cell = pa.StringArray.from_buffers(1, pa.py_buffer(struct.pack("<2i", 0, size)), pa.py_buffer(mmap(-1, size)))
    return parquet(pa.table({"a": cell}), compression="zstd", use_dictionary=False, write_statistics=False)


def changed(data: bytes, seed: int) -> bytes:
    found, chance = bytearray(data), random.Random(seed)
    for _ in range(chance.randrange(1, 20)):
        found[chance.randrange(len(found))] = chance.randrange(256)
    return bytes(found)


GOOD = parquet(pa.Table.from_pylist([ROW] * 3))
FLAT = arrow(pa.Table.from_pylist([ROW] * 3))


NO_TABLES: dict[str, Callable[[], bytes]] = {
    "empty.csv": lambda: b"",
    "lines.csv": lambda: b"\n\n",
    "zero byte.csv": lambda: b"a,b\n\0,1\n",
    "one long line.csv": lambda: b"x" * 100_000_000,
    "empty.parquet": lambda: b"",
    "zeros.parquet": lambda: b"PAR1" + b"\0" * 100 + b"PAR1",
    "long footer.parquet": lambda: GOOD[:-8] + b"\xff\xff\xff\x7fPAR1",
    "cut off.parquet": lambda: GOOD[:-9],
    "one cell of 900 MB.parquet": lambda: unfolding(900),
    "nested.parquet": lambda: parquet(nested(60)),
    "html.parquet": lambda: b"<html>",
    "empty.arrow": lambda: b"",
    "half.arrow": lambda: FLAT[: len(FLAT) // 2],
    "long footer.arrow": lambda: b"ARROW1\0\0" + b"\xff" * 100,
    "long message.arrow": lambda: b"\xff\xff\xff\xff\xff\xff\xff\x7f" * 10,
}
"""Made when they are asked for: to know of this test must not take gigabytes."""


@pytest.mark.parametrize("path", NO_TABLES)
def test_what_is_no_table_or_too_much_of_one_is_said(path: str) -> None:
    assert isinstance(seen(NO_TABLES[path](), path), str)


@pytest.mark.parametrize("seed", range(12))
def test_a_changed_file_ends_no_more_than_its_reader(seed: int) -> None:
    for data, path in ((GOOD, "a.parquet"), (FLAT, "a.arrow")):
        assert isinstance(seen(changed(data, seed), path), (TablePreview, str))


def test_more_columns_than_anybody_reads_are_counted_only() -> None:
    wide = {f"c{number}": [1] for number in range(20_000)}
    for found in (seen(parquet(pa.table(wide)), "a.parquet"), seen(b"," * 19_999, "a.csv")):
        assert isinstance(found, TablePreview)
        assert (len(found.names), len(found.types), found.columns) == (COLUMNS, COLUMNS, 20_000)


def test_a_long_cell_is_cut() -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["a" * 9_000], ["b" * 9_000]])
    for found in (seen(text.getvalue().encode(), "a.csv"), seen(parquet(pa.table({"a": ["b" * 9_000]})), "a.parquet")):
        assert isinstance(found, TablePreview)
        assert found.rows == (("b" * CELL,),)


def test_offsets_that_lead_outside_are_not_followed() -> None:
    honest, lying = bytes.fromhex("00000000 02000000 04000000"), bytes.fromhex("00000000 05000000 06000000")
    data = arrow(pa.table({"a": ["ab", "cd"]}))
    assert data.count(honest) == 1
    assert "can be read" in str(seen(data.replace(honest, lying), "a.arrow"))


TAKEN_OVER = """
import socket, sys
sys.path.insert(0, {folder!r})
import table_process

def attempt(file, kind):
    said = []
    for reach in (lambda: open("/etc/hostname"), socket.socket, lambda: file.write(b"x")):
        try:
            reach()
            said.append("reached")
        except OSError:
            said.append("refused")
    return {{"problem": " ".join(said)}}

table_process.csv_table = attempt
table_process.main(int(sys.argv[1]), "csv")
"""


def test_a_reader_that_was_taken_over_reaches_no_file_and_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "taken_over.py"
    program.write_text(TAKEN_OVER.format(folder=str(Path(table_process.__file__).parent)))
    monkeypatch.setattr(table_preview, "_PROGRAM", program)
    assert seen(b"a\n1\n", "a.csv") == "refused refused refused"


@pytest.mark.parametrize(
    "answer",
    [
        b"[]\n",
        b"null\n",
        b"x\n",
        b"[" * 100_000 + b"\n",
        json.dumps({"names": ["a"], "types": ["b"], "rows": [["c", "d"]], "columns": 1}).encode(),
        json.dumps({"names": ["a"], "types": [], "rows": [], "columns": 1, "length": 1}).encode(),
        json.dumps({"names": [["a"]], "types": ["b"], "rows": [], "columns": 1, "length": 1}).encode(),
        json.dumps({"names": ["a"], "types": ["b"], "rows": [[]], "columns": 1, "length": 1}).encode(),
        json.dumps({"names": ["a"], "types": ["b"], "rows": [], "columns": 1, "length": float("inf")}).encode(),
    ],
    ids=range(9),
)
def test_a_reader_that_was_taken_over_says_nothing_that_is_shown(answer: bytes) -> None:
    assert checked(answer) == "was read by a process that said nothing that makes sense"


def test_a_reader_that_was_taken_over_says_no_more_than_fits() -> None:
    long = {
        "names": ["n" * 9_999] * 99,
        "types": ["t"] * 99,
        "rows": [["c" * 9_999] * 99] * 99,
        "columns": 9,
        "length": 9,
    }
    found = checked(json.dumps(long).encode())
    assert isinstance(found, TablePreview)
    assert (len(found.names), len(found.rows), len(found.rows[0])) == (COLUMNS, ROWS, COLUMNS)
    assert {len(text) for text in (*found.names, *found.rows[0])} == {CELL}
    assert len(str(checked(json.dumps({"problem": "p" * 9_999}).encode()))) == CELL


def file(path: str, size: int = 1) -> FileDigest:
    return FileDigest(path, size, "")


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["z.parquet", "b.TSV", "a.txt", "c.feather"], ["b.TSV", "c.feather", "z.parquet"]),
        ([f"{number}.csv" for number in range(MAX_TABLES + 2)], [f"{number}.csv" for number in range(MAX_TABLES)]),
    ],
)
def test_the_first_few_tables_are_shown(files: list[str], chosen: list[str]) -> None:
    assert [found.path for found in tables([file(path) for path in files])] == chosen


def test_large_and_empty_ones_are_not_fetched() -> None:
    sizes = [0, MAX_TABLE_SIZE, MAX_TABLE_SIZE + 1]
    assert [found.size for found in tables([file(f"{size}.csv", size) for size in sizes])] == [MAX_TABLE_SIZE]


def test_without_pyarrow_only_text_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_preview, "find_spec", lambda name: None)
    assert [found.path for found in tables([file("a.parquet"), file("b.csv")])] == ["b.csv"]


def test_a_run_without_tables_looks_for_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(table_preview, "find_spec", looked.append)
    assert tables([]) == tables([file("notes.txt"), file("empty.csv", 0)]) == ()
    assert looked == []
    assert len(tables([file("a.csv")])) == 1
    assert looked == ["pyarrow"]
