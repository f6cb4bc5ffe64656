"""Programs are measured as they are where they are installed."""

from __future__ import annotations

from tests.benchmarks.programs import environment_of


def test_a_program_keeps_its_bytecode_wherever_the_benchmark_was_started() -> None:
    ours = {"PATH": "/bin", "SKILLBOX_HOME": "/ours", "PYTHONDONTWRITEBYTECODE": "1"}
    assert environment_of(ours, {"SKILLBOX_HOME": "/bench"}) == {"PATH": "/bin", "SKILLBOX_HOME": "/bench"}
