"""What Prefect costs for each skill: many mapped in one flow, against the bare core in the same process.

    python -m tests.benchmarks.mapped [--skills 500] [--threads 8]

A Prefect server on Postgres and a fresh installation are started for it. The bare core runs half before and half
after, so that a machine that slows down weighs on both. A third way says what no wrapping can go below: the bare core
in a task of Prefect's own, with as many empty tasks in it as a skill has steps. The server shares the processors with
what is measured: a share in wall time holds its work too, one in processor time is this process's alone. Ends with 1
if a run fails, a container is left, or the server's log has errors; never because of a time.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from skillbox_core import Runner, RunRequest, RunResult
from skillbox_core.base.home import load_env_file
from skillbox_core.skills.package import package
from tests.services.postgres import postgres
from tests.services.prefect import PrefectServer, prefect_server
from tests.services.settling import settle

SKILL = Path(__file__).parents[2] / "examples" / "skills" / "word-count"
INPUT = {"text": "to be or not to be"}
STEPS = 6
"""Task runs in a skill without files, beside its own."""


def bare(runner: Runner, skills: int, threads: int) -> list[RunResult]:
    """The same work without Prefect."""
    with ThreadPoolExecutor(threads) as pool:
        return list(
            pool.map(lambda n: runner.run(RunRequest(skill="word-count", input={**INPUT, "n": n})), range(skills))
        )


def mapped(skills: int, threads: int) -> list[RunResult]:
    """One flow that maps one skill."""
    from prefect import flow
    from prefect.task_runners import ThreadPoolTaskRunner

    from prefect_skillbox import skill

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=threads))
    def many() -> list[RunResult]:
        return list(skill("word-count").map([{**INPUT, "n": n} for n in range(skills)]).result())

    return many()


def framed(runner: Runner, skills: int, threads: int) -> list[RunResult]:
    """One flow that maps the bare core, with empty tasks beside it."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.task_runners import ThreadPoolTaskRunner

    @task(cache_policy=NO_CACHE, persist_result=False)
    def step() -> None: ...

    @task(cache_policy=NO_CACHE, persist_result=False)
    def one(n: int) -> RunResult:
        for _ in range(STEPS):
            step()
        return runner.run(RunRequest(skill="word-count", input={**INPUT, "n": n}))

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=threads))
    def many() -> list[RunResult]:
        return list(one.map(range(skills)).result())

    return many()


def measure(skills: int, threads: int, server: PrefectServer) -> int:
    """Runs both, prints what it took, and returns the exit code."""
    runner = Runner.from_settings()
    package(SKILL, runner.installation.settings.home / "skill.zip", runner.installation.settings.max_skill_size)
    runner.installation.registry.push("default", runner.installation.settings.home / "skill.zip")
    ways: dict[str, Callable[[int], list[RunResult]]] = {
        "core": lambda count: bare(runner, count, threads),
        "mapped": lambda count: mapped(count, threads),
        "framed": lambda count: framed(runner, count, threads),
    }
    for run in ways.values():
        run(threads)

    wall, processor = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0.0)
    results: list[RunResult] = []
    half = skills // 2
    for name, count in (("core", half), ("mapped", skills), ("framed", skills), ("core", skills - half)):
        began, used = time.monotonic(), time.process_time()
        results.extend(ways[name](count))
        wall[name] += (time.monotonic() - began) / skills * 1000
        processor[name] += (time.process_time() - used) / skills * 1000

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    failed = [result for result in results if not result.ok]
    settle()
    left = runner.installation.engine.containers({"skillbox.instance": runner.installation.settings.instance})
    print(f"skills            {skills} mapped in one flow, as many bare; {threads} threads")
    print(f"core              {wall['core']:.0f} ms a skill, {processor['core']:.0f} ms of processor time")
    print(f"with Prefect      {_beside(wall, processor, 'mapped')}; the budget is 40 ms")
    print(f"the least         {_beside(wall, processor, 'framed')}: the core and {STEPS + 1} empty tasks")
    print(f"peak memory       {peak:.0f} MB")
    print(f"failed {len(failed)}, containers left {len(left)}, complaints of the server {len(server.complaints())}")
    for line in server.complaints()[:10]:
        print(f"  {line}")
    return 1 if failed or left or server.complaints() else 0


def _beside(wall: Mapping[str, float], processor: Mapping[str, float], name: str) -> str:
    more, used = wall[name] - wall["core"], processor[name] - processor["core"]
    return f"{wall[name]:.0f} ms a skill, {processor[name]:.0f} ms; Prefect's share {more:.0f} and {used:.0f} ms"


def main() -> int:
    """Starts what is needed, in a folder that goes away."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--skills", type=int, default=500)
    parser.add_argument("--threads", type=int, default=8)
    arguments = parser.parse_args()
    load_env_file()
    with tempfile.TemporaryDirectory() as folder:
        parts = {name: Path(folder) / name for name in ("postgres", "prefect", "home")}
        for part in parts.values():
            part.mkdir()
        with postgres(parts["postgres"]) as url, prefect_server(parts["prefect"], url) as server:
            os.environ |= {
                "PREFECT_API_URL": server.api,
                "PREFECT_LOGGING_LEVEL": "WARNING",
                "SKILLBOX_HOME": str(parts["home"]),
                "SKILLBOX_INSTANCE": f"bench-{uuid.uuid4().hex[:12]}",
                "SKILLBOX_DB_DSN": url,
                "SKILLBOX_MAX_CONCURRENT_EXECS": str(arguments.threads),
            }
            return measure(arguments.skills, arguments.threads, server)


if __name__ == "__main__":
    sys.exit(main())
