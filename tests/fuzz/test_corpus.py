"""Seeds and former findings of the fuzzers, replayed without a fuzzer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import fuzz_intake, fuzz_manifest, fuzz_output, fuzz_table

TARGETS: dict[str, Callable[[bytes], None]] = {
    "intake": fuzz_intake.check,
    "manifest": fuzz_manifest.check,
    "output": fuzz_output.check,
    "table": fuzz_table.check,
}
INPUTS = sorted(path for path in (Path(__file__).parent / "corpus").rglob("*") if path.is_file())


@pytest.mark.parametrize("path", INPUTS, ids=[f"{path.parent.name}/{path.name}" for path in INPUTS])
def test_no_known_input_breaks_a_reader(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_each_reader_has_inputs() -> None:
    assert {path.parent.name for path in INPUTS} == set(TARGETS)
