"""The code of docs/composing.md, top to bottom, prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.long, pytest.mark.once]

PAGE = Path(__file__).parents[3] / "docs" / "composing.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("runner")
def test_the_code_on_the_page_prints_what_the_page_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text("x\n1\n")
    blocks = [(kind, text) for kind, text in BLOCK.findall(PAGE.read_text("utf-8")) if kind in ("python", "text")]
    assert sum(kind == "text" for kind, _ in blocks) >= 6
    names: dict[str, Any] = {"__name__": "composing"}
    printed = ""
    for kind, text in blocks:
        if kind == "python":
            exec(compile(text, str(PAGE), "exec", dont_inherit=True), names)
            printed = capsys.readouterr().out
        else:
            assert printed == text
