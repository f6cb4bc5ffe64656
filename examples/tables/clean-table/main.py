# /// script
# requires-python = ">=3.10"
# dependencies = ["polars>=1"]
# ///
"""Drops the incomplete rows of a Parquet table."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import polars as pl


class BadInput(Exception):
    """The input breaks a rule; the message says which."""


def read_table() -> pl.DataFrame:
    folder = Path(os.environ.get("SANDBOX_INPUT_FILES_DIR") or "/sandbox/in/files")
    paths = sorted(folder.rglob("*.parquet"))
    if not paths:
        raise BadInput("no Parquet file was given")
    try:
        return pl.concat([pl.read_parquet(path) for path in paths])
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"the table is not readable: {error}") from None


def main() -> int:
    request = json.loads(Path(os.environ.get("SANDBOX_INPUT_FILE") or "/sandbox/input.json").read_text("utf-8"))
    out = Path(os.environ.get("SANDBOX_FILES_DIR") or "/sandbox/out/files")
    try:
        table = read_table()
        required = request.get("required", table.columns)
        if unknown := [column for column in required if column not in table.columns]:
            raise BadInput(f'"{unknown[0]}" is not a column ({", ".join(table.columns)})')
    except BadInput as error:
        print(f"clean-table: {error}", file=sys.stderr)
        return 2
    clean = table.drop_nulls(required)
    clean.write_parquet(out / "clean.parquet")
    answer = {
        "rows": clean.height,
        "dropped": table.height - clean.height,
        "missing": {column: table[column].null_count() for column in table.columns},
        "columns": {column: str(kind) for column, kind in table.schema.items()},
    }
    Path(os.environ.get("SANDBOX_OUTPUT") or "/sandbox/out/output.json").write_text(json.dumps(answer), "utf-8")
    print(f"polars {pl.__version__}: kept {clean.height} of {table.height} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
