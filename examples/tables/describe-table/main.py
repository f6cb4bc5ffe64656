"""Describes the numbers of a Parquet table for each group."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pandas as pd


class BadInput(Exception):
    """The input breaks a rule; the message says which."""


def read_table() -> pd.DataFrame:
    folder = Path(os.environ.get("SANDBOX_INPUT_FILES_DIR") or "/sandbox/in/files")
    paths = sorted(folder.rglob("*.parquet"))
    if not paths:
        raise BadInput("no Parquet file was given")
    try:
        return pd.concat([pd.read_parquet(path) for path in paths])
    except (OSError, ValueError) as error:
        raise BadInput(f"the table is not readable: {error}") from None


def describe(table: pd.DataFrame, group_by: str, columns: list[str]) -> pd.DataFrame:
    """A line for each group and column."""
    if unknown := [column for column in (group_by, *columns) if column not in table.columns]:
        raise BadInput(f'"{unknown[0]}" is not a column ({", ".join(table.columns)})')
    if text := [column for column in columns if not pd.api.types.is_numeric_dtype(table[column])]:
        raise BadInput(f'"{text[0]}" is not a column of numbers')
    lines = {column: table.groupby(group_by)[column].describe() for column in columns}
    return pd.concat(lines, names=["column", "group"]).swaplevel()


def main() -> int:
    request = json.loads(Path(os.environ.get("SANDBOX_INPUT_FILE") or "/sandbox/input.json").read_text("utf-8"))
    out = Path(os.environ.get("SANDBOX_FILES_DIR") or "/sandbox/out/files")
    group_by = request["group_by"]
    try:
        table = read_table()
        numbers = table.select_dtypes("number").columns
        lines = describe(table, group_by, request.get("columns") or [name for name in numbers if name != group_by])
    except BadInput as error:
        print(f"describe-table: {error}", file=sys.stderr)
        return 2
    lines.to_csv(out / "summary.csv")
    means = lines["mean"].unstack("column")[lines.index.get_level_values("column").unique()]
    answer = {"rows": len(table), "groups": json.loads(means.round(1).to_json(orient="index"))}
    Path(os.environ.get("SANDBOX_OUTPUT") or "/sandbox/out/output.json").write_text(json.dumps(answer), "utf-8")
    print(f"pandas {pd.__version__}: described {means.shape[1]} columns of {means.shape[0]} groups")
    return 0


if __name__ == "__main__":
    sys.exit(main())
