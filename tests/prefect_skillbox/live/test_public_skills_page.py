"""docs/public-skills.md, followed from an empty folder to a mapped flow: what it says is printed is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Settings

pytestmark = pytest.mark.once

PAGE = Path(__file__).parents[3] / "docs" / "public-skills.md"
BLOCK = re.compile(r"^```(sh|python|text|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("installation")
def test_the_page_leads_from_an_empty_folder_to_a_mapped_flow(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    names: dict[str, Any] = {"__name__": "public_skills"}
    printed, compared = "", 0
    for kind, text in BLOCK.findall(PAGE.read_text("utf-8")):
        if kind == "sh":
            done = subprocess.run(["bash", "-eu"], input=text, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            printed = done.stdout
        elif kind == "python":
            exec(compile(text, str(PAGE), "exec"), names)
            printed = capsys.readouterr().out
        elif kind == "text":
            assert printed == text
            compared += 1
        elif text.startswith("entrypoints:"):
            # Behind the comments at its head.
            assert printed.endswith(text)
            compared += 1
    assert compared == 3
