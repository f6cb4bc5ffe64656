"""Flows that run until they are cancelled.

cancelling.py script FLOW          runs one as a plain script
cancelling.py serve NAME           serves all as deployments of this name
cancelling.py worker NAME          the same on a work pool of this name, and becomes its worker
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from prefect import flow, serve, task
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from prefect_dask import DaskTaskRunner

from prefect_skillbox import skill, stop_skills
from prefect_skillbox.execution import execute

slow = skill("slow")
LONG = {"seconds": 100}


@flow
def direct() -> None:
    slow(LONG)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
def submitted() -> None:
    for future in [slow.submit(LONG), slow.with_options(name="other").submit(LONG)]:
        future.result()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def mapped() -> None:
    # More than there are workers: those that wait must never begin.
    slow.map([LONG] * 6).result()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def batched() -> None:
    # More than may go at once, and without an end: those that wait must never begin, and no more be read.
    slow.batch(({**LONG, "n": n} for n in itertools.count()), size=3).result()


@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
def batched_in_a_process() -> None:
    slow.batch(({**LONG, "n": n} for n in range(30)), size=10).result()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
async def asynchronous() -> None:
    futures = [slow.submit(LONG), slow.submit(LONG)]
    await asyncio.gather(*(asyncio.to_thread(future.result) for future in futures))


@task
def in_a_task(number: int) -> None:
    slow({**LONG, "n": number})


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def within_tasks() -> None:
    # The main thread never calls a skill.
    in_a_task.map([1, 2]).result()


@flow
def in_a_subflow() -> None:
    submitted()


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def in_processes() -> None:
    # A pool hands each process its next task before it is done with the first.
    slow.map([LONG] * 6).result()


@flow(task_runner=DaskTaskRunner(cluster_kwargs={"n_workers": 1, "threads_per_worker": 2, "dashboard_address": None}))
def on_dask() -> None:
    slow.map([LONG] * 4).result()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def about_to_begin() -> None:
    current_owner = execute.current_owner

    def slowly() -> Any:
        # Here a skill's task runs, and nobody who stops it knows of it yet.
        print("about to begin", flush=True)
        time.sleep(3)
        return current_owner()

    execute.current_owner = slowly
    slow.submit(LONG).result()


@flow(on_cancellation=[stop_skills], on_crashed=[stop_skills])
def hooked(pid_file: str = "") -> None:
    if pid_file:
        Path(pid_file).write_text(str(os.getpid()))
    slow(LONG)


_ALL = (
    direct,
    submitted,
    mapped,
    batched,
    batched_in_a_process,
    asynchronous,
    within_tasks,
    in_a_subflow,
    in_processes,
    on_dask,
    about_to_begin,
    hooked,
)
FLOWS: dict[str, Any] = {each.fn.__name__: each for each in _ALL}


def deploy_to_a_pool(name: str) -> None:
    subprocess.run(["prefect", "work-pool", "create", name, "--type", "process"], check=True)
    here = Path(__file__)
    for which in FLOWS:
        source: Any = flow.from_source(str(here.parent), f"{here.name}:{which}")
        source.deploy(name=name, work_pool_name=name)


if __name__ == "__main__":
    # It is ignored in what a shell started in the background, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    how, which = sys.argv[1:]
    if how == "serve":
        serve(*[each.to_deployment(name=which) for each in FLOWS.values()])
    elif how == "worker":
        deploy_to_a_pool(which)
        os.execvp("prefect", ["prefect", "worker", "start", "--pool", which, "--type", "process"])
    elif which == "asynchronous":
        asyncio.run(asynchronous())
    else:
        FLOWS[which]()
