"""Merges the CSV files it is given into one table."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path


class BadInput(Exception):
    """The input breaks a rule; the message says which."""


def constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read_input() -> dict:
    path = Path(os.environ.get("SANDBOX_INPUT_FILE") or "/sandbox/input.json")
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=constant)
    except (OSError, ValueError) as error:
        raise BadInput(f"the input is not readable JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadInput("the input must be a JSON object")
    return value


def write_output(value: dict) -> None:
    path = Path(os.environ.get("SANDBOX_OUTPUT") or "/sandbox/out/output.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def files_dir() -> Path:
    path = Path(os.environ.get("SANDBOX_FILES_DIR") or "/sandbox/out/files")
    path.mkdir(parents=True, exist_ok=True)
    return path


def read_tables() -> dict[str, list[dict]]:
    top = Path(os.environ.get("SANDBOX_INPUT_FILES_DIR") or "/sandbox/in/files")
    tables = {}
    for path in sorted(top.rglob("*.csv")):
        name = path.relative_to(top).as_posix()
        with path.open(encoding="utf-8-sig", newline="") as file:
            try:
                reader = csv.DictReader(file, strict=True)
                tables[name] = list(reader)
            except (csv.Error, UnicodeDecodeError) as error:
                raise BadInput(f"{name} is malformed: {error}") from None
        if any(None in row or None in row.values() for row in tables[name]):
            raise BadInput(f"{name} has a row that is longer or shorter than its header")
    return tables


def merge(source: str | None) -> dict:
    tables = read_tables()
    columns = {source: None} if source else {}
    for name, rows in tables.items():
        if source and any(source in row for row in rows):
            raise BadInput(f'"source" must not name a column of a table: {name} has "{source}"')
        columns.update(dict.fromkeys(column for row in rows for column in row))
    with (files_dir() / "merged.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), restval="", lineterminator="\n")
        writer.writeheader()
        for name, rows in tables.items():
            writer.writerows({**row, **({source: name} if source else {})} for row in rows)
            print(f"{name}: {len(rows)} rows")
    counts = {name: len(rows) for name, rows in tables.items()}
    print(f"merged {len(tables)} tables")
    return {"rows": sum(counts.values()), "columns": list(columns), "tables": counts}


def main() -> int:
    try:
        source = read_input().get("source")
        if source is not None and not (isinstance(source, str) and source):
            raise BadInput('"source" must be the name of a column')
        write_output(merge(source))
    except BadInput as error:
        print(f"merge-tables: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
