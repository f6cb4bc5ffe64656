"""A worker of the soak: `worker.py core|flow`. Reads a batch from each line, runs it, and answers with a line.

    {"batch": NAME, "resident": BYTES}

The same batch may come again, after an earlier worker was killed over it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import skill
from skillbox_core import CancelToken, Runner, RunOptions, RunRequest
from skillbox_core.settings import load_settings
from tests.soak.mix import STOPPED

AT_ONCE = 2
SECRET = "canary-soak-not-a-real-secret"
"""In every skill's environment; it must be found nowhere else."""


def environment(run: dict[str, Any]) -> dict[str, str]:
    """What a skill gets beside its input: the secret, and what its case wants."""
    return {"API_KEY": SECRET, **run["env"]}


def core(runner: Runner) -> Callable[[dict[str, Any]], None]:
    """Runs batches without Prefect, with the batch as the owner."""

    def one(batch: str, run: dict[str, Any]) -> None:
        token, timer = CancelToken(), None
        if run["cancel_after"] is not None:
            timer = threading.Timer(run["cancel_after"], token.cancel)
            timer.start()
        options = RunOptions(**run["options"], key=f"{batch}/{run['number']}", owner=batch)
        request = RunRequest(skill=run["skill"], input={"n": run["number"]}, env=environment(run))
        runner.run(request, options, cancel=token)
        if timer:
            timer.cancel()

    def run_batch(batch: dict[str, Any]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda run: one(batch["name"], run), batch["runs"]))

    return run_batch


def skill_options(run: dict[str, Any]) -> dict[str, Any]:
    """The options of a run as a task has them, which names the parts of a call one by one."""
    options = dict(run["options"])
    call = options.pop("call", {})
    return {**options, **call}


@flow(task_runner=ThreadPoolTaskRunner(max_workers=AT_ONCE))
def mixed(runs: list[dict[str, Any]]) -> None:
    futures = [
        skill(run["skill"], raise_on_failure=False, env=environment(run), **skill_options(run)).submit(
            {"n": run["number"]}
        )
        for run in runs
    ]
    for future in futures:
        future.result(raise_on_failure=False)


def in_flows(batch: dict[str, Any]) -> None:
    """Runs a batch as the flow run that was made for it."""
    stopped = len(batch["runs"]) <= STOPPED and batch["stop_after"] is not None
    chosen = mixed.with_options(task_runner=ThreadPoolTaskRunner(max_workers=STOPPED)) if stopped else mixed
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(uuid.UUID(batch["flow_run"]))
    run_flow(chosen, flow_run=flow_run, parameters={"runs": batch["runs"]})


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(way: str) -> None:
    run_batch = core(Runner.from_settings(load_settings())) if way == "core" else in_flows
    for line in sys.stdin:
        batch = json.loads(line)
        run_batch(batch)
        print(json.dumps({"batch": batch["name"], "resident": resident()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
