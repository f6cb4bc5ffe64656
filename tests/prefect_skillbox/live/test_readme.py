"""The Python of the README does what it looks like, as far as it needs no packages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

README = Path(__file__).parents[3] / "README.md"


@pytest.mark.usefixtures("runner", "usual_pool")
def test_the_core_alone_runs_as_the_readme_says(capsys: pytest.CaptureFixture[str]) -> None:
    # The flow before it needs packages: tests/examples/live/test_tables.py.
    _, core = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    exec(compile(core, str(README), "exec"), {"__name__": "readme"})
    assert "'total_words': 2" in capsys.readouterr().out
