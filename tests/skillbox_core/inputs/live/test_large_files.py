"""A file of gigabytes goes out of one sandbox and into the next one, and the worker's memory stays flat."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from skillbox_core import Settings
from skillbox_core.installation import Installation
from tests.skillbox_core.storage.live.test_storage import archive

SIZE = 2_500_000_000
MORE = 32_000_000
"""Bytes that the worker may take for it."""
LEAVES = f"""
import os
os.makedirs("/sandbox/out/files", exist_ok=True)
with open("/sandbox/out/files/large.bin", "wb") as file:
    block = os.urandom(1_000_000)
    for _ in range({SIZE} // len(block)):
        file.write(block)
open("/sandbox/out/output.json", "w").write("1")
"""
READS = """
import os
open("/sandbox/out/output.json", "w").write(str(os.path.getsize("/sandbox/in/files/large.bin")))
"""
WORKER = """
import json, sys
from pathlib import Path
from skillbox_core import Runner, RunOptions, RunRequest, Settings, input_files

def peak():
    text = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmHWM"))) * 1024

runner = Runner.from_settings(Settings.model_validate(json.loads(sys.stdin.read())))
runner.run(RunRequest(skill="small")).raise_for_status()
before = peak()
left = runner.run(RunRequest(skill="leaves")).raise_for_status()
read = runner.run(RunRequest(skill="reads"), RunOptions(files=input_files(left))).raise_for_status()
with runner.installation.artifacts.open_file(left.artifacts, "large.bin") as file:
    size = file.seek(0, 2)
print(json.dumps([read.output, size, peak() - before]))
"""


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_a_file_of_gigabytes_goes_from_skill_to_skill(installation: Settings, tmp_path: Path) -> None:
    changes = {
        "home": str(tmp_path / "home"),
        "db_dsn": "",
        "max_scratch": "4Gi",
        "default_scratch": "3Gi",
        "max_timeout": "15m",
        "default_timeout": "10m",
        "default_cpu": "2",
        "max_input_files_size": 3 * 1024**3,
    }
    values = {**installation.model_dump(mode="json"), **changes}
    store = Installation.from_settings(Settings.model_validate(values))
    for name, script in {"leaves": LEAVES, "reads": READS, "small": LEAVES.replace(str(SIZE), "1")}.items():
        store.registry.push("default", archive(tmp_path, name=name, script=script))
    done = subprocess.run(
        [sys.executable, "-c", WORKER], input=json.dumps(values), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    read, size, more = json.loads(done.stdout)
    assert (read, size) == (SIZE, SIZE)
    assert more < MORE, f"the worker took {more} bytes more"
