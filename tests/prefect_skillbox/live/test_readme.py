"""The Python of the README does what it looks like."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EXAMPLES

pytestmark = pytest.mark.once

README = Path(__file__).parents[3] / "README.md"


@pytest.mark.usefixtures("runner")
def test_the_code_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    composed, core = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(composed, str(README), "exec"), names)
    drawn = names["report"]((EXAMPLES / "data" / "penguins.csv").read_text("utf-8"))
    assert [one["file"] for one in drawn] == ["chart.svg", "chart.svg"]
    exec(compile(core, str(README), "exec"), names)
    assert "'total_words': 2" in capsys.readouterr().out
