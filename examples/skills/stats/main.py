"""Describes the columns of a table, as a whole and for each group."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import statistics
import sys
from collections import Counter
from pathlib import Path


class BadInput(Exception):
    """The input breaks a rule; the message says which."""


def number(text: str) -> float:
    """A JSON number; JSON has no NaN and no infinity, and neither has this skill."""
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]} is not a finite number")
    return int(text) if text.lstrip("-").isdigit() else float(text)


def read_input() -> dict:
    path = Path(os.environ.get("SANDBOX_INPUT_FILE") or "/sandbox/input.json")
    try:
        value = json.loads(
            path.read_text(encoding="utf-8"), parse_int=number, parse_float=number, parse_constant=number
        )
    except (OSError, ValueError) as error:
        raise BadInput(f"the input is not readable JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadInput("the input must be a JSON object")
    return value


def write_output(value: dict) -> None:
    path = Path(os.environ.get("SANDBOX_OUTPUT") or "/sandbox/out/output.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, allow_nan=False), encoding="utf-8")


def files_dir() -> Path:
    path = Path(os.environ.get("SANDBOX_FILES_DIR") or "/sandbox/out/files")
    path.mkdir(parents=True, exist_ok=True)
    return path


MISSING = (None, "", "NA")
NUMERIC = ["mean", "stdev", "min", "q1", "median", "q3", "max"]
TEXT = ["distinct", "top"]


def typed(text: str):
    """A CSV field as a value. What looks like a code ("007") stays text."""
    if text in MISSING:
        return None
    try:
        return json.loads(text, parse_int=number, parse_float=number) if text[0] in "-0123456789" else text
    except ValueError:
        return text


def rows_of_csv(text) -> list:
    if not isinstance(text, str):
        raise BadInput('"csv" must be a text')
    if text.startswith("\ufeff"):
        text = text[1:]
    try:
        records = [record for record in csv.reader(io.StringIO(text, newline=""), strict=True) if record]
    except csv.Error as error:
        raise BadInput(f'"csv" is malformed: {error}') from None
    if not records:
        raise BadInput('"csv" is empty: it needs a header line')
    header = records[0]
    if len(set(header)) < len(header):
        raise BadInput('"csv" has two columns of the same name')
    for i, record in enumerate(records[1:], 1):
        if len(record) != len(header):
            raise BadInput(f"row {i} of the CSV has {len(record)} fields, but the header has {len(header)}")
    return [dict(zip(header, map(typed, record))) for record in records[1:]]


def read_rows(request: dict) -> list:
    if ("rows" in request) == ("csv" in request):
        raise BadInput('give either "rows" or "csv"')
    rows = request["rows"] if "rows" in request else rows_of_csv(request["csv"])
    if not isinstance(rows, list):
        raise BadInput('"rows" must be a list of objects')
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise BadInput(f"rows[{i}] must be an object")
        for column, value in row.items():
            if isinstance(value, (list, dict)):
                raise BadInput(f"rows[{i}].{column} must be a single value, not a list or an object")
    if not rows:
        raise BadInput("there are no rows")
    return rows


def is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def label(value) -> str:
    """A value as text, the way JSON writes it; "NA" when it is missing."""
    if value in MISSING:
        return "NA"
    return value if isinstance(value, str) else json.dumps(value)


def describe_numbers(values: list) -> dict:
    if not values:
        return dict.fromkeys(NUMERIC)
    # "inclusive" takes the smallest and largest value as the ends of the range, as most spreadsheets do.
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {
        "mean": statistics.mean(values),
        "stdev": statistics.stdev(values) if len(values) > 1 else None,
        "min": min(values),
        "q1": q1,
        "median": median,
        "q3": q3,
        "max": max(values),
    }


def describe_texts(values: list) -> dict:
    counts = Counter(map(label, values))
    top = min(counts, key=lambda text: (-counts[text], text), default=None)
    return {"distinct": len(counts), "top": top}


def describe(rows: list, numeric: dict) -> dict:
    """Describes rows; `numeric` says of each column whether it holds numbers."""
    columns = {}
    for column, is_numeric in numeric.items():
        values = [row[column] for row in rows if row.get(column) not in MISSING]
        details = describe_numbers(values) if is_numeric else describe_texts(values)
        columns[column] = {"count": len(values), "missing": len(rows) - len(values), **details}
    return {"rows": len(rows), "columns": columns}


def choose_columns(request: dict, rows: list) -> tuple:
    """The columns to describe, each with whether it is numeric, and the column to group by."""
    known = list(dict.fromkeys(column for row in rows for column in row))
    group_by = request.get("group_by")
    chosen = request.get("columns")
    if chosen is None:
        chosen = [column for column in known if column != group_by]
    if not isinstance(chosen, list):
        raise BadInput('"columns" must be a list of column names')
    for column in [*chosen, *([] if group_by is None else [group_by])]:
        if column not in known:
            raise BadInput(f"there is no column {json.dumps(column)} (columns: {', '.join(known)})")
    numeric = {}
    for column in chosen:
        values = [row[column] for row in rows if row.get(column) not in MISSING]
        numeric[column] = bool(values) and all(map(is_number, values))
    return numeric, group_by


def write_table(result: dict) -> None:
    fields = ["group", "column", "count", "missing", *NUMERIC, *TEXT]
    path = files_dir() / "stats.csv"
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        for group, part in [("", result), *result.get("groups", {}).items()]:
            for column, details in part["columns"].items():
                writer.writerow({"group": group, "column": column, **details})


def main() -> None:
    request = read_input()
    rows = read_rows(request)
    numeric, group_by = choose_columns(request, rows)
    groups: dict = {}
    for row in rows if group_by is not None else []:
        groups.setdefault(label(row.get(group_by)), []).append(row)
    try:
        result = describe(rows, numeric)
        if group_by is not None:
            result["group_by"] = group_by
            result["groups"] = {name: describe(groups[name], numeric) for name in sorted(groups)}
        write_output(result)
    except (OverflowError, ValueError):
        raise BadInput("the numbers are too large to describe") from None
    write_table(result)
    print(f"described {len(numeric)} columns of {len(rows)} rows in {len(groups) or 1} groups")


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        print(f"stats: {error}", file=sys.stderr)
        sys.exit(2)
