"""Fuzzes the reader of CSV files, and of what a helper answers: a small preview, or a word of why there is none.

The parsers of Parquet and Arrow files are not ours: the process that runs them is what is tested, by
`tests/skillbox_core/operations/test_table_preview.py`.
"""

from __future__ import annotations

import io
import json

from skillbox_core.operations import table_process
from skillbox_core.operations.table_preview import CELL, COLUMNS, ROWS, TablePreview, checked
from tests.fuzz.harness import fuzz


def check(data: bytes) -> None:
    """Judges one file; raises AssertionError, or anything that is not ours, for a finding.

    A first byte that three divides: the rest is an answer of the helper. Else it is a CSV or a TSV file.
    """
    kind, rest = data[:1], data[1:]
    if kind and kind[0] % 3 == 0:
        found = checked(rest)
    else:
        try:
            said = table_process.csv_table(io.BytesIO(rest), "tsv" if kind and kind[0] % 3 == 1 else "csv")
        except table_process.NotATableError as error:
            assert str(error).isprintable(), error
            return
        found = checked(json.dumps(said).encode())
        assert isinstance(found, TablePreview), found
        assert found.columns >= len(found.names) > 0, found
    if isinstance(found, str):
        assert len(found) <= CELL
        return
    assert len(found.names) == len(found.types) <= COLUMNS
    assert len(found.rows) <= ROWS
    assert all(len(row) == len(found.names) for row in found.rows)
    assert all(len(text) <= CELL for row in (found.names, found.types, *found.rows) for text in row)


if __name__ == "__main__":
    fuzz(check)
