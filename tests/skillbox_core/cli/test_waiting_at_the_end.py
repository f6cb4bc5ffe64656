"""What a command shows while its last container is being removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# A command whose skill has ended, on an engine that does not remove its container.
PROGRAM = """
import time
from skillbox_core.cli import app, main
from skillbox_core.sandbox import removals

def command(standalone_mode):
    removals.Removals().submit(lambda: time.sleep(60))
    print("the result")

app.app = command
removals.END_SILENCE, removals.END_TIMEOUT = 1, SECONDS
main()
"""


@pytest.mark.parametrize("seconds", [30, 1], ids=["result", "words"])
def test_its_result_is_there_before_it_waits_and_it_says_what_for(tmp_path: Path, seconds: int) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SKILLBOX_HOME": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM.replace("SECONDS", str(seconds))]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline() == "the result\n"
        if seconds == 30:
            assert process.poll() is None, "whoever reads a pipe has the result while the end waits"
            return
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    waiting, left = told.splitlines()
    assert waiting.startswith("skillbox: waiting until the containers of runs that are over are removed")
    assert left.startswith("skillbox: 1 container is not removed yet: `skillbox cleanup`")
