"""The virtual environment, from the committed lock."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys

from deployments.local.common import LOGS, ROOT, VENV, SetupError, stop_daemon, tail
from deployments.local.prefect_server import NAME as SERVER_NAME

LOCK = ROOT / "requirements.lock"
DISTRIBUTIONS = (ROOT, ROOT / "flows")
STAMP = VENV / ".skillbox-stamp"


def wanted_stamp() -> str:
    """What the environment must have been made from."""
    parts = [
        LOCK.read_bytes(),
        *((folder / "pyproject.toml").read_bytes() for folder in DISTRIBUTIONS),
        str(ROOT).encode(),
        sys.version.encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def ensure_venv() -> str:
    """Makes the virtual environment unless it is current; a word on what was done.

    Raises:
        SetupError: With the end of pip's log.
    """
    if STAMP.is_file() and STAMP.read_text() == wanted_stamp():
        return "current"
    log = LOGS / "venv.log"
    STAMP.unlink(missing_ok=True)
    # A server that was started from it would go on with its modules gone.
    stop_daemon(SERVER_NAME)
    # An environment that was left half way is not worth mending.
    shutil.rmtree(VENV, ignore_errors=True)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    with log.open("wb") as out:
        for command in (
            [sys.executable, "-m", "venv", str(VENV)],
            # The lock names everything. Left to resolve, pip takes the newest of what is asked for with an extra.
            [*pip, "--no-deps", "--require-hashes", "-r", str(LOCK)],
            [*pip, "--no-deps", "--no-build-isolation", *(f"--editable={folder}" for folder in DISTRIBUTIONS)],
            [*pip[:-2], "check"],
        ):
            if subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=ROOT).returncode:
                raise SetupError(f"the virtual environment could not be made; the log is {log}:\n{tail(log)}")
    STAMP.write_text(wanted_stamp())
    return "installed from requirements.lock"
