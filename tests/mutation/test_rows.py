"""The rows of `make mutation`, without running one: each must still say what it changes, and who notices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.cases import load_cases
from tests.mutation.hardenings import Hardening, load, noticed_by

ROOT = Path(__file__).parents[2]
ROWS = load()
CASES = {case.id for case in load_cases()}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.group}/{row.name}" for row in ROWS])
def test_what_a_row_changes_and_who_notices_it_are_there(row: Hardening) -> None:
    text = (ROOT / row.file).read_text("utf-8")
    for old, new in row.changes:
        assert text.count(old) == 1, f"{row.file} has this {text.count(old)} times: {old!r}"
        text = text.replace(old, new)
    if row.file.endswith(".py"):
        # What can't be imported is missed by every test, and says nothing of who notices.
        compile(text, row.file, "exec", dont_inherit=True)
    for name in row.noticed:
        assert name in CASES or (ROOT / "tests" / name.partition("::")[0]).is_file(), name


def test_tests_that_rows_name_are_there() -> None:
    named = {name for row in ROWS for name in row.noticed if "::" in name}
    files = sorted({f"tests/{name.partition('::')[0]}" for name in named})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    there = {line.removeprefix("tests/") for line in done.stdout.splitlines() if "::" in line}
    there |= {name.partition("[")[0] for name in there}
    assert named
    assert named <= there


def test_rows_are_chosen_by_who_notices_them() -> None:
    one, other = Hardening("g", "one", "f", (), ("a", "b")), Hardening("g", "other", "f", (), ("c",))
    assert noticed_by([one, other], {"b", "d"}) == [Hardening("g", "one", "f", (), ("b",))]
