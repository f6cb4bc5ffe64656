"""The little job that everything is measured with: `word-count` of the examples, and the same as one program."""

from __future__ import annotations

from pathlib import Path

SKILL = Path(__file__).parents[2] / "examples" / "skills" / "word-count"
INPUT = {"text": "to be or not to be"}
ANSWER = '"total_words": 6'
"""Stands in what the job prints and in its output, so that nobody is quick by not doing it."""


def program() -> str:
    """The skill's script with its input beside it, for whoever runs a program and reads what it prints."""
    source = (SKILL / "main.py").read_text(encoding="utf-8")
    return f"""import json, os
os.environ.update(SANDBOX_INPUT_FILE="/tmp/input.json", SANDBOX_OUTPUT="/tmp/out/output.json")
with open("/tmp/input.json", "w") as file:
    json.dump({INPUT!r}, file)
exec(compile({source!r}, "main.py", "exec"), {{"__name__": "__main__"}})
print(open("/tmp/out/output.json").read())
"""
