"""A sandbox whose worker is gone keeps its own time."""

from __future__ import annotations

import time
import uuid

from skillbox_core import Runner, RunOptions, RunRequest
from skillbox_core.sandbox.logs import Announcement, LineReader
from tests.conftest import MakeSkill


def test_it_ends_its_skill_at_the_deadline_and_itself_when_nobody_collects(
    runner: Runner, make_skill: MakeSkill
) -> None:
    settings = runner.settings.model_copy(update={"collect_ttl": "2s"})
    lost = Runner.from_settings(settings).steps()
    request = RunRequest(skill=make_skill("import time; print('on', flush=True); time.sleep(600)"))
    options = RunOptions(key=uuid.uuid4().hex, timeout="1s")
    execution = lost.create_record(request, options)
    sandbox = lost.create_container(execution, lost.load_skill(execution, options), request, options)
    try:
        give_up = time.monotonic() + 20
        while runner.engine.inspect(sandbox.container_id)["State"]["Running"]:
            assert time.monotonic() < give_up, "it goes on for ever"
            time.sleep(0.1)
        reader = LineReader(execution.id)
        said = [item for chunk in runner.engine.logs(sandbox.container_id, follow=False) for item in reader.feed(chunk)]
        ended = [item for item in said if isinstance(item, Announcement) and item.word == "ended"]
        assert [item.values["late"] for item in ended] == ["1"]
        assert runner.engine.inspect(sandbox.container_id)["State"]["ExitCode"] == 0
    finally:
        runner.engine.remove(sandbox.name)
