"""The table of calls and the skills beside it say the same."""

from __future__ import annotations

from tests.corpus.table import SKILLS, cases

SHAPES = {
    "argparse": "import argparse",
    "click": "import click",
    "typer": "import typer",
    "positional arguments": "sys.argv[1]",
    "standard input": "sys.stdin",
    "its own package": "from scripts.",
    "PEP 723": "# /// script",
    "nested requirements": "typer>=",
    "ES modules": "import { ",
    "CommonJS": "require(",
    "a #! line": "#!",
    "exit code 1": "sys.exit(1 if",
}


def test_every_skill_is_called_and_every_call_has_its_script() -> None:
    called = cases()
    assert {case.skill for case in called} == {folder.name for folder in SKILLS.iterdir()}
    assert [case.id for case in called if not (case.folder / case.call["script"]).is_file()] == []


def test_the_corpus_has_enough_skills_in_every_shape() -> None:
    texts = [path.read_text("utf-8") for path in SKILLS.rglob("*") if path.is_file() and path.name != "SKILL.md"]
    assert len(list(SKILLS.iterdir())) >= 40
    assert [shape for shape, sign in SHAPES.items() if not any(sign in text for text in texts)] == []
    endings = {path.suffix for path in SKILLS.rglob("*")}
    assert {".py", ".js", ".mjs", ".cjs", ".sh"} <= endings
