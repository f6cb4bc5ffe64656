"""Splits a table into one CSV file for each value of a column."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import sys
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


MOST_GROUPS = 200


def label(value) -> str:
    """A value as text, the way JSON writes it; "NA" when it is missing."""
    if value is None or value == "":
        return "NA"
    return value if isinstance(value, str) else json.dumps(value)


def file_name(group: str, taken: set) -> str:
    """A name of letters, digits and hyphens only, unlike any in `taken`: a value never becomes a path."""
    stem = re.sub(r"[^a-z0-9]+", "-", group.lower()).strip("-")[:60].strip("-") or "group"
    name, n = stem, 1
    while name in taken:
        n += 1
        name = f"{stem}-{n}"
    taken.add(name)
    return f"{name}.csv"


def cell(text: str) -> str:
    """Text for one cell of a Markdown table."""
    return re.sub(r"([\\|`*_<\[\]])", r"\\\1", " ".join(text.split()))


def read_table(request: dict) -> tuple:
    rows, by = request.get("rows"), request.get("by")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadInput('"rows" must be a list of one or more objects')
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if by not in columns:
        raise BadInput(f'"by" must name a column ({", ".join(columns)}), not {json.dumps(by)}')
    return rows, by, columns


def main() -> None:
    rows, by, columns = read_table(read_input())
    groups: dict = {}
    for row in rows:
        groups.setdefault(label(row.get(by)), []).append(row)
    if len(groups) > MOST_GROUPS:
        raise BadInput(f'column "{by}" has {len(groups)} different values, over the limit of {MOST_GROUPS} files')

    root = files_dir()
    (root / "groups").mkdir(exist_ok=True)
    taken: set = set()
    files = []
    for group in sorted(groups):
        name = f"groups/{file_name(group, taken)}"
        with (root / name).open("w", encoding="utf-8", errors="replace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for row in groups[group]:
                values = [row.get(column) for column in columns]
                writer.writerow(["" if v is None else v if isinstance(v, str) else json.dumps(v) for v in values])
        files.append({"group": group, "file": name, "rows": len(groups[group])})
        print(f"{name}: {len(groups[group])} rows")

    lines = [f"# {len(rows)} rows by {cell(by)}", "", "| group | rows | file |", "|---|---:|---|"]
    lines += [f"| {cell(f['group'])} | {f['rows']} | [{f['file']}]({f['file']}) |" for f in files]
    (root / "index.md").write_text("\n".join(lines) + "\n", encoding="utf-8", errors="replace")
    write_output({"by": by, "rows": len(rows), "files": files})


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        print(f"split-table: {error}", file=sys.stderr)
        sys.exit(2)
