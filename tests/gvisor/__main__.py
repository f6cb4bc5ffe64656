"""`make gvisor`: the examples and the hostile suite in gVisor's sandboxes, on an engine set up as SECURITY.md says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from skillbox_core import Settings
from skillbox_core.base.home import load_env_file
from tests.services.gvisor import gvisor, missing

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
BIN = Path(sys.executable).parent


def main() -> int:
    """Runs them all; the exit code is 1 when one failed. What follows on the command line is the hostile suite's."""
    if why := missing():
        print(f"gVisor: skipped: {why}")
        return 0
    load_env_file()
    folder = Path(tempfile.mkdtemp(prefix="sbx-"))
    try:
        with gvisor(folder, Settings()) as settings:
            (folder / "home").mkdir(mode=0o700)
            environment = {
                **os.environ,
                "SKILLBOX_HOME": str(folder / "home"),
                "SKILLBOX_INSTANCE": "gvisor",
                "SKILLBOX_DB_DSN": "",
                "SKILLBOX_S3_ENDPOINT": "",
                "SKILLBOX_DOCKER_HOST": settings.docker_host,
                "SKILLBOX_RUNTIME": settings.runtime,
            }
            skills = sorted(map(str, (EXAMPLES / "skills").iterdir()))
            commands = [
                [str(BIN / "skillbox"), "doctor"],
                [str(BIN / "skillbox"), "skill", "push", *skills],
                [sys.executable, str(EXAMPLES / "pipeline.py")],
                [sys.executable, "-m", "tests.hostile", *sys.argv[1:]],
            ]
            failed = [command for command in commands if subprocess.run(command, cwd=ROOT, env=environment).returncode]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for command in failed:
        print(f"gVisor: failed: {' '.join(command[:4])}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
