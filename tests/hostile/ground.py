"""What must hold after every case, whatever it was: nothing left, nothing touched, nothing told."""

from __future__ import annotations

import logging
import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import func
from sqlmodel import select

from skillbox_core import Runner
from skillbox_core.errors import SkillboxError
from skillbox_core.sandbox.engine import Engine
from skillbox_core.storage.tables import ExecutionRow, SkillDigestRow
from tests.services.settling import settle

ESCAPED = "skillbox-escaped"
"""The name of every file that a case tries to put where it does not belong."""
MEMORY_ROOM = 64 * 1024**2
"""Bytes that the worker may take more while one case runs."""

_CLEAR = Path("/proc/self/clear_refs")
_CACHED = re.compile(r"[0-9a-f]{2}(/[0-9a-f]{64}\.(?:zip|asked))?")


class Witness(Engine):
    """The engine, and everything it knew of each container at the moment when that was removed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.seen: list[dict[str, Any]] = []
        self.logs_kept: list[bytes] = []

    def remove(self, container: str, *, force: bool = True) -> bool:
        """Looks before it removes."""
        try:
            with suppress(SkillboxError):  # gone, or never made: nothing to be seen
                self.seen.append(self.inspect(container))
                self.logs_kept.append(b"".join(self.logs(container)))
        finally:
            removed = super().remove(container, force=force)
        return removed

    def forget(self) -> None:
        """Begins anew."""
        self.seen.clear(), self.logs_kept.clear()


class _Kept(logging.Handler):
    """Every line that the worker logs, at any level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(self.format(record))


class Ground:
    """One installation and the host around it, compared before and after each case.

    Attributes:
        secret: Given to every skill in its environment; it must be found nowhere else.
        outside: A folder of the host with a file in it that no case may touch.
    """

    def __init__(self, runner: Runner, engine: Witness) -> None:
        self._runner = runner
        self._engine = engine
        self._folder = tempfile.TemporaryDirectory(prefix="skillbox-hostile-")
        root = Path(self._folder.name)
        self.outside, self.temp = root / "outside", root / "tmp"
        self.outside.mkdir(), self.temp.mkdir()
        self.canary = self.outside / "canary"
        self.canary.write_text("untouched")
        self.memory = 0
        self.secret = f"canary-{secrets.token_hex(16)}-not-a-real-secret"

    def close(self) -> None:
        """Removes the host's side."""
        self._folder.cleanup()

    @contextmanager
    def watched(self, faults: list[str], *, store_may_change: bool, memory_room: int = MEMORY_ROOM) -> Iterator[None]:
        """Runs a case, and adds to `faults` whatever of the common promises did not hold.

        `memory` is then what the worker took more at its peak, in bytes.
        """
        self._engine.forget()
        kept, root = _Kept(), logging.getLogger()
        levels = {name: logging.getLogger(name).level for name in ("", "skillbox_core", "docker", "urllib3")}
        before, rows = self._store(), self._rows()
        former, tempfile.tempdir = tempfile.tempdir, str(self.temp)
        root.addHandler(kept)
        for name in levels:
            logging.getLogger(name).setLevel(logging.DEBUG)
        resident = _forget_peak()
        try:
            yield
        finally:
            settle()
            peak = _status("VmHWM")
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
            root.removeHandler(kept)
            tempfile.tempdir = former
        self.memory = max(peak - resident, 0)
        if self.memory > memory_room:
            faults.append(f"the worker took {self.memory >> 20} MiB, it may take {memory_room >> 20} MiB")
        faults += self._left()
        if not store_may_change and (self._store() != before or self._rows() != rows):
            faults.append("a refused case changed the store")
        faults += self._told(kept.text)

    def _left(self) -> Iterator[str]:
        settings = self._runner.installation.settings
        own = {"managed-by": "skillbox", "skillbox.instance": settings.instance}
        for container in self._engine.containers(own):
            yield f"a container was left: {container['Names']}"
            self._engine.remove(container["Id"])
        if any(seen["Mounts"] for seen in self._engine.seen):
            yield "a container had a mount or a volume"
        for folder, entries in ((settings.home / "spool", "*/*"), (self.temp, "*")):
            if names := [path.name for path in folder.glob(entries)]:
                yield f"files were left in {folder.name}: {names[:3]}"
        cache = settings.home / "cache" / "skills"
        if odd := [p.name for p in cache.rglob("*") if not _CACHED.fullmatch(p.relative_to(cache).as_posix())]:
            yield f"files were left in the cache: {odd[:3]}"
        if self.canary.read_text() != "untouched" or len(list(self.outside.iterdir())) != 1:
            yield "something was written outside"
        here = Path.cwd()
        for folder in (here, here.parent, settings.home, settings.home.parent, Path("/"), Path("/etc"), Path("/tmp")):
            if os.path.lexists(folder / ESCAPED):
                yield f"{folder / ESCAPED} was written"

    def _told(self, logged: list[str]) -> Iterator[str]:
        secret = self.secret
        if any(secret in line for line in logged):
            yield "the secret is in the worker's log"
        if secret in str(self._engine.seen):
            yield "the secret is in what the engine shows of the container"
        if any(secret.encode() in log for log in self._engine.logs_kept):
            yield "the secret is in the container's log"
        # In a process of its own: closing SQLite's files in this one would drop the locks that it holds on them.
        command = ["grep", "--recursive", "--files-with-matches", "--text", "--fixed-strings", "-e", secret]
        found = subprocess.run([*command, str(self._runner.installation.settings.home)], capture_output=True, text=True)
        assert found.returncode in (0, 1), found.stderr
        for path in found.stdout.splitlines():
            yield f"the secret is in {Path(path).name}"

    def _store(self) -> dict[str, int]:
        store = self._runner.installation.settings.home / "store"
        return {str(path): path.stat().st_mtime_ns for path in store.rglob("*")}

    def _rows(self) -> tuple[int, ...]:
        with self._runner.installation.executions._database.session() as session:
            return tuple(
                session.exec(select(func.count()).select_from(t)).one() for t in (ExecutionRow, SkillDigestRow)
            )


def _forget_peak() -> int:
    """Resets the process's high-water mark of memory, and returns what it holds now, in bytes."""
    _CLEAR.write_text("5")
    return _status("VmRSS")


def _status(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024
