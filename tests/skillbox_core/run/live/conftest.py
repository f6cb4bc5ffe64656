"""A worker whose runs take containers that wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from skillbox_core import Runner, Settings
from tests.services import pools, skills

ONCE = """
import json, os, sys, uuid
name = uuid.uuid4().hex
print("begun", name, flush=True)
document = json.load(open("/sandbox/input.json"))
"""
ANSWERS = ONCE + "json.dump([name, document], open('/sandbox/out/output.json', 'w'))\n"
SLOW = ONCE + "import time; time.sleep(1)\njson.dump([name, document], open('/sandbox/out/output.json', 'w'))\n"
FOR_EVER = ONCE + "import time; time.sleep(60)\n"


@pytest.fixture(scope="module")
def worker(installation: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with pools.pooled(installation, tmp_path_factory.mktemp("pool")) as runner:
        for name, script in (("answers", ANSWERS), ("slow", SLOW), ("for-ever", FOR_EVER)):
            skills.push(runner, name, script)
        yield runner
