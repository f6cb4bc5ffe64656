"""What the documentation shows, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner

pytestmark = pytest.mark.once

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("page", ["observability.md"])
def test_the_python_on_this_page_runs(runner: Runner, page: str) -> None:
    snippets = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert snippets
    names: dict[str, Any] = {"__name__": page}
    for snippet in snippets:
        exec(compile(snippet, page, "exec"), names)
