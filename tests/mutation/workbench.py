"""A copy of the project in which one hardening at a time is switched off, and a forked process that tests it there."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from skillbox_core.base.home import find_home
from tests.mutation.hardenings import Hardening

ROOT = Path(__file__).parents[2]
PARTS = (
    "skillbox_core",
    "flows",
    "deployments",
    "examples",
    "tests",
    "pyproject.toml",
    "requirements.lock",
    "Makefile",
)
TEST_TIMEOUT = 120
OURS = ("skillbox_core", "prefect_skillbox", "deployments", "tests", "conftest")

SLOW_TO_IMPORT = (
    "pytest",
    "docker",
    "sqlmodel",
    "alembic",
    "pydantic_settings",
    "yaml",
    "fsspec",
    "rich.table",
    "hypothesis",
)
"""Loaded once, before any fork."""

PASSED = "all tests passed"
_PASSED, _FAILED = 0, 1


@dataclass(frozen=True)
class Verdict:
    """Whether a test noticed, which one and why, and in how many seconds."""

    noticed: bool
    said: str
    seconds: float


def prepare() -> None:
    """Loads what every test needs and no hardening is in."""
    for module in SLOW_TO_IMPORT:
        importlib.import_module(module)
    # The copy has no installation of its own: its tests find the engine through ours.
    os.environ["SKILLBOX_HOME"] = str(find_home())


class Workbench:
    """A copy of the project.

    Args:
        folder: Where; made here.
    """

    def __init__(self, folder: Path) -> None:
        self._project, self._log = folder / "project", folder / "log"
        self._project.mkdir(parents=True)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, self._project / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, self._project / part)
        # A changed file of the same size, written in the same second, must not be taken for the one that was compiled.
        self._moment = int(time.time())
        self._began = 0.0
        self._changed: tuple[Path, str] | None = None

    def switch_off(self, hardening: Hardening) -> int:
        """Changes the copy and starts the tests that must notice; the number of their process.

        Raises:
            LookupError: What is to be changed does not stand there exactly once.
        """
        path, self._began = self._project / hardening.file, time.monotonic()
        original = changed = path.read_text("utf-8")
        for old, new in hardening.changes:
            if changed.count(old) != 1:
                raise LookupError(f"{old!r} stands {changed.count(old)} times in {hardening.file}")
            changed = changed.replace(old, new)
        self._changed = (path, original)
        self._write(path, changed)
        pid = os.fork()
        if pid == 0:
            self._test(hardening.tests)
        return pid

    def switch_on(self, status: int) -> Verdict:
        """Mends the copy, and says what became of the tests from their process's exit status."""
        assert self._changed is not None
        self._write(*self._changed)
        output = self._log.read_text("utf-8", errors="replace")
        return _judge(os.waitstatus_to_exitcode(status), output, time.monotonic() - self._began)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, "utf-8")
        self._moment += 1
        os.utime(path, (self._moment, self._moment))

    def _test(self, tests: list[str]) -> NoReturn:
        """In the forked process: the copy's modules instead of ours, and pytest on them."""
        import pytest

        code = 70
        try:
            # A test may end its process group.
            os.setsid()
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for number in (1, 2):
                os.dup2(log, number)
            os.chdir(self._project)
            ours = (str(self._project), str(self._project / "flows"))
            theirs = ("", str(ROOT), str(ROOT / "flows"))
            sys.path[:] = [*ours, *(entry for entry in sys.path if entry not in theirs)]
            for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
                del sys.modules[name]
            importlib.invalidate_caches()
            options = ["-x", "-q", "--tb=short", "-p", "no:cacheprovider", "-o", f"timeout={TEST_TIMEOUT}"]
            code = int(pytest.main([*options, *tests]))
        finally:
            sys.stdout.flush()
            os._exit(code)


def _judge(code: int, output: str, seconds: float) -> Verdict:
    if code == _PASSED:
        skipped = " (some skipped)" if " skipped" in output else ""
        return Verdict(False, f"{PASSED}{skipped}", seconds)
    failed = re.search(r"^FAILED [^\n:]*::(?:test_the_promise_holds\[)?([^\n]*?)\]?(?: - |$)", output, re.MULTILINE)
    if code != _FAILED or failed is None:
        return Verdict(False, " ".join(output.split())[-200:], seconds)
    reason = re.findall(r"^E\s+(?:AssertionError: |Failed: )?([^\n]*)", output, re.MULTILINE)
    # A hostile case's promise comes first, then what it said, then the fault.
    return Verdict(True, f"{failed[1]}: {reason[min(2, len(reason) - 1)] if reason else ''}", seconds)
