"""A sandbox whose worker is gone: it keeps its own time, and its own house."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from skillbox_core import Runner, RunOptions, RunRequest
from skillbox_core.models import Sandbox
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox.logs import Announcement, LineReader
from tests.conftest import MakeSkill

LEAVES_DAEMONS = """
import json, os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        os.fork()
        while True: time.sleep(0.01)
json.dump({}, open("/sandbox/out/output.json", "w"))
"""


@contextmanager
def left_alone(
    runner: Runner, name: str, timeout: str, collect_ttl: str
) -> Iterator[tuple[Sandbox, Callable[[], list[Announcement]]]]:
    """A sandbox that nobody waits for, and what its supervisor has said so far."""
    lost = Steps(
        Runner.from_settings(runner.installation.settings.model_copy(update={"collect_ttl": collect_ttl})).installation
    )
    request, options = RunRequest(skill=name), RunOptions(key=uuid.uuid4().hex, timeout=timeout)
    execution = lost.create_record(request, options)
    sandbox = lost.create_container(execution, lost.load_skill(execution, options), request, options)

    def said() -> list[Announcement]:
        reader = LineReader(execution.id)
        chunks = runner.installation.engine.logs(sandbox.container_id)
        return [item for chunk in chunks for item in reader.feed(chunk) if isinstance(item, Announcement)]

    try:
        yield sandbox, said
    finally:
        runner.installation.engine.remove(sandbox.name)


def soon(condition: Callable[[], bool], seconds: float = 20) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_it_ends_its_skill_at_the_deadline_and_itself_when_nobody_collects(
    runner: Runner, make_skill: MakeSkill
) -> None:
    name = make_skill("import time; print('on', flush=True); time.sleep(600)")
    with left_alone(runner, name, "1s", "2s") as (sandbox, said):
        soon(lambda: not runner.installation.engine.inspect(sandbox.container_id)["State"]["Running"])
        assert [item.values["late"] for item in said() if item.word == "ended"] == ["1"]
        assert runner.installation.engine.inspect(sandbox.container_id)["State"]["ExitCode"] == 0


def test_nothing_but_the_supervisor_is_left_when_output_is_read(runner: Runner, make_skill: MakeSkill) -> None:
    with left_alone(runner, make_skill(LEAVES_DAEMONS), "20s", "30s") as (sandbox, said):
        soon(lambda: any(item.word == "drained" for item in said()))
        listed = runner.installation.engine._api.top(sandbox.container_id, ps_args="-eo pid,comm")
        assert {row[-1] for row in listed["Processes"]} <= {"sh", "dash", "bash", "busybox", "sleep"}, listed
