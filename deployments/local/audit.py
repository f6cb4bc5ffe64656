"""Known advisories against the locked dependencies, from pip-audit, where the index in use answers with any."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from deployments.local.common import LOGS, ROOT, STATE, SetupError, tail
from deployments.local.venv import LOCK

TOOL_LOCK = ROOT / "deployments" / "local" / "audit.lock"
FOLDER = STATE / "audit"
FRESH = 24 * 3600
"""Seconds for which an answer about the same lock is good."""
TIMEOUT = 60

# pip knows where advisories are asked for; its own module is asked in a process of its own.
_PROBE = """
import json, sys, urllib.request
from pip._internal.models.index import PyPI
with urllib.request.urlopen(f"{PyPI.pypi_url}/{sys.argv[1]}/{sys.argv[2]}/json", timeout=3) as answer:
    sys.exit("vulnerabilities" not in json.load(answer))
"""


def advisories() -> tuple[str, bool]:
    """A word on what is known against the lock, and whether anything is.

    What can't be found out is said and is no fault: a lock is checked where an index answers.

    Raises:
        SetupError: pip-audit can't be installed from its lock.
    """
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    report = FOLDER / f"{wanted}.json"
    if not (report.is_file() and time.time() - report.stat().st_mtime < FRESH):
        if not _answers():
            return "not looked up: no index here answers with any", False
        _install()
        if not _ask(report):
            return f"not looked up: pip-audit had no answer, see {LOGS / 'audit.log'}", False
    return summary(json.loads(report.read_text()))


def summary(report: dict[str, Any]) -> tuple[str, bool]:
    """What a report of pip-audit (its JSON format) says, and whether it has advisories."""
    checked = [entry for entry in report["dependencies"] if "skip_reason" not in entry]
    found = [
        f"{entry['name']} {entry['version']}: {vulnerability['id']}"
        f" (fixed in {', '.join(vulnerability['fix_versions']) or 'no release yet'})"
        for entry in checked
        for vulnerability in entry["vulns"]
    ]
    if not checked:
        return "not looked up: the index knows none of the locked versions", False
    return "; ".join([f"{len(found)} against {len(checked)} locked packages", *found]), bool(found)


def _answers() -> bool:
    """Whether the index has advisories, asked about one package of the lock."""
    pin = re.search(r"^([A-Za-z0-9._-]+)==(\S+)", LOCK.read_text(), re.MULTILINE)
    command = [sys.executable, "-c", _PROBE, *(pin.groups() if pin else ("", ""))]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def _install() -> None:
    stamp, wanted = FOLDER / "venv" / ".stamp", hashlib.sha256(TOOL_LOCK.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    pip = [str(FOLDER / "venv" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    log = LOGS / "audit.log"
    with log.open("wb") as out:
        for command in (
            [sys.executable, "-m", "venv", str(FOLDER / "venv")],
            [*pip, "--require-hashes", "-r", str(TOOL_LOCK)],
        ):
            if subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL).returncode:
                raise SetupError(f"pip-audit could not be installed; the log is {log}:\n{tail(log)}")
    stamp.write_text(wanted)


def _ask(report: Path) -> bool:
    draft = report.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    command = [
        *(str(FOLDER / "venv" / "bin" / "pip-audit"), "--requirement", str(LOCK), "--disable-pip", "--require-hashes"),
        *("--format", "json", "--output", str(draft), "--progress-spinner", "off", "--timeout", "5"),
    ]
    with (LOGS / "audit.log").open("ab") as out:
        try:
            subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return False
    if not draft.is_file():
        return False
    draft.replace(report)
    return True
