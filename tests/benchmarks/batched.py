"""A batch whose worker is killed on the way: each input is answered once, and the flow's process stays small.

A Prefect server on Postgres and a fresh installation, also on Postgres, are started for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import func
from sqlmodel import col, select

from skillbox_core.installation import Installation
from skillbox_core.sandbox.container import LABEL_OWNER
from skillbox_core.status import Status
from skillbox_core.storage.tables import ExecutionRow
from tests.benchmarks.ground import Scale
from tests.benchmarks.report import Part
from tests.benchmarks.with_prefect import with_prefect
from tests.services.starts import Starts

INPUTS, QUICK = 1000, 100
BUDGET_MB = 100
PATIENCE = 3600.0
"""Seconds for a try."""


def measure(scale: Scale, part: Part) -> None:
    """Two tries of one flow run, of which the first is killed."""
    with with_prefect(part, "a batch") as made:
        if made is not None:
            tries(part, made.runner.installation, made.folder, QUICK if scale.quick else INPUTS)


def tries(part: Part, installation: Installation, folder: Path, inputs: int) -> None:
    """A try that is killed when a third is done, and the one that ends it."""
    from prefect.client.orchestration import get_client

    from tests.benchmarks.batch_try import many

    with get_client(sync_client=True) as client:
        run = str(client.create_flow_run(many, parameters={"count": inputs}).id)
    command = [sys.executable, "-m", "tests.benchmarks.batch_try", run, str(inputs)]
    with Starts(installation.engine.url, f"{LABEL_OWNER}={run}") as starts, (folder / "first.log").open("w") as log:
        first = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            give_up = time.monotonic() + PATIENCE
            while statuses(installation)[Status.SUCCESS] < inputs // 3:
                if first.poll() is not None or time.monotonic() > give_up:
                    part.fail(f"the first try ended early: {(folder / 'first.log').read_text()[-2000:]}")
                    return
                time.sleep(0.2)
            part.figure("memory of the first try when it was killed", "MB", held(first.pid))
        finally:
            first.kill()
            first.wait()
        done, began = statuses(installation), time.perf_counter()
        part.say(f"  killed with {done[Status.SUCCESS]} done and {done[Status.RUNNING]} begun")
        second = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        seconds = time.perf_counter() - began
        if second.returncode:
            part.fail(f"the second try failed: {second.stderr[-2000:]}")
            return
        counts = Counter(starts.by_execution().values())
    told = json.loads(second.stdout.splitlines()[-1])
    for what, found in (("right answers", told["right"]), ("executions", told["executions"])):
        if found != inputs:
            part.fail(f"{found} {what} to {inputs} inputs")
    if (ends := statuses(installation)) != {Status.SUCCESS: inputs}:
        part.fail(f"records of {inputs} inputs: {dict(ends)}")
    if counts != {1: inputs}:
        part.fail(f"starts of the skill for each execution: {dict(counts)}")
    part.figure(
        f"inputs a second, {inputs:,} less what was done", "a second", (inputs - done[Status.SUCCESS]) / seconds
    )
    above = (told["peak"] - told["before"]) / 1e6
    part.figure(f"peak memory above the start, {inputs:,} inputs", "MB", above, budget=BUDGET_MB)


def statuses(installation: Installation) -> Counter[str]:
    """How many records have which status."""
    query = select(ExecutionRow.status, func.count(col(ExecutionRow.id))).group_by(ExecutionRow.status)
    with installation.executions.database.session() as session:
        return Counter(dict(session.execute(query).all()))


def held(pid: int) -> float:
    """MB of a process at most, up to now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
