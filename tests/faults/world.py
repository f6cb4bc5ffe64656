"""An installation behind fault proxies, and what must be true of it after every fault."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skillbox_core import Runner, RunRequest, RunResult, Settings, Status
from skillbox_core.operations.pool import drain
from skillbox_core.sandbox.container import LABEL_INSTANCE
from tests.services import pools, skills
from tests.services.faults import Proxy
from tests.services.settling import containers_left, settle
from tests.services.starts import Starts

SKILL = "marked"
SCRIPT = """
echo begun; echo >&2 on its way
sleep "$(sed -n 's/.*"seconds":\\([0-9.]*\\).*/\\1/p' /sandbox/input.json)"
head -c 40000 /dev/urandom >/sandbox/out/files/data
echo '{"ok": true}' >/sandbox/out/output.json
echo done
"""
LINES = ["begun", "done", "on its way"]


@dataclass
class World:
    """An installation behind three proxies, and the same one seen past them."""

    engine: Proxy
    store: Proxy
    database: Proxy
    settings: Settings
    outside: Runner
    starts: Starts

    def runner(self, *, inline_output: bool = True, **changes: Any) -> Runner:
        """A new worker, with connections of its own and perhaps with other settings."""
        return Runner.from_settings(self.settings.model_copy(update={"inline_output": inline_output, **changes}))

    def assert_right(self, result: RunResult, *, starts: int = 1) -> None:
        """The record is final and says what the caller was told; the skill ran so often; nothing is left."""
        record = self.outside.installation.executions.result("default", result.execution_id)
        assert record.status is not Status.RUNNING
        assert (record.status, record.reason, record.output, record.logs, record.files_list) == (
            result.status,
            result.reason,
            result.output,
            result.logs,
            result.files_list,
        )
        assert self.starts.by_execution()[result.execution_id] == starts
        if result.status is Status.SUCCESS:
            # Which of two streams is read first is the engine's choice.
            assert sorted(result.logs.splitlines()) == LINES
            assert (result.output, result.files_list) == ({"ok": True}, ("data",))
        self.assert_clean()

    def assert_clean(self) -> None:
        """No container and no spooled file."""
        assert containers_left(self.outside.installation.engine, {LABEL_INSTANCE: self.settings.instance}) == []
        assert list((self.settings.home / "spool").glob("*/*")) == []


@contextmanager
def local_worker(settings: Settings, home: Path, *, waits: bool = False) -> Iterator[Runner]:
    """A worker with everything in folders of its own, so that another process can share them.

    Args:
        waits: A container waits for its first run of the skill, and another one after each run.
    """
    pool = {"pool_max": 2, "pool_min": 1} if waits else {}
    runner = Runner.from_settings(settings.model_copy(update={"home": home, **pool}))
    push(runner)
    if waits:
        pools.ahead(runner, SKILL)
    try:
        yield runner
    finally:
        settle()
        assert drain(runner.installation).failed == ()


def worker_environment(settings: Settings) -> dict[str, str]:
    """The environment of another process that works on the same installation."""
    return {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "SKILLBOX_HOME": str(settings.home),
        "SKILLBOX_INSTANCE": settings.instance,
        "SKILLBOX_POOL_MAX": str(settings.pool_places),
        "SKILLBOX_POOL_MIN": str(settings.pool_min),
    }


def sandbox_of(runner: Runner, execution_id: str) -> str:
    """The name of the container of a first attempt, whether it was made for it or had waited."""
    return pools.record(runner, execution_id).claimed or f"skillbox-{execution_id}-1"


def push(runner: Runner, name: str = SKILL, script: str = SCRIPT) -> None:
    """Stores a bash skill."""
    skills.push(runner, name, script, lang="bash")


def request(seconds: float = 0.0) -> RunRequest:
    """A run of the skill that takes so long."""
    return RunRequest(skill=SKILL, input={"seconds": seconds})
