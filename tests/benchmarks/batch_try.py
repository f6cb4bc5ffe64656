"""One try of a flow run that gives a skill many inputs in a batch.

python -m tests.benchmarks.batch_try FLOW_RUN_ID INPUTS

Prints what its memory was when the flow began and what it was at most, in bytes, and whether all answers are right.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import skill
from tests.benchmarks import job

told: dict[str, Any] = {}


def memory(field: str) -> int:
    """Bytes of this process: `VmRSS` now, `VmHWM` at most."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def given(count: int) -> Iterator[dict[str, Any]]:
    """Inputs that differ, made as they are read."""
    return ({**job.INPUT, "n": n} for n in range(count))


@flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
def many(count: int) -> None:
    """One batch of so many inputs."""
    told["before"] = memory("VmRSS")
    results = skill("word-count").batch(given(count)).result()
    told["peak"] = memory("VmHWM")
    told["right"] = sum(result.output["total_words"] == 6 for result in results)
    told["executions"] = len({result.execution_id for result in results})


def main(run: str, count: int) -> None:
    """Runs it as this flow run."""
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(uuid.UUID(run))
    run_flow(many, flow_run=flow_run, parameters={"count": count})
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
