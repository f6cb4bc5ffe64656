"""What Prefect costs for each skill: many mapped in one flow, against the bare core in the same process.

    python -m tests.benchmarks.mapped [--skills 500] [--threads 8]

A Prefect server on Postgres and a fresh installation are started for it. Both ways run in turn, in quarters, so
that a busy machine weighs on both. The server shares the processors with what is measured: the share in wall time
holds its work too, the share in processor time is this process's alone. Ends with 1 if a run fails, a container is
left, or the server's log has errors; never because of a time.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from skillbox_core import Runner, RunRequest, RunResult
from skillbox_core.settings import load_env_file
from skillbox_core.skills.package import package
from tests.services.postgres import postgres
from tests.services.prefect import PrefectServer, prefect_server

SKILL = Path(__file__).parents[2] / "examples" / "skills" / "word-count"
INPUT = {"text": "to be or not to be"}
ROUNDS = 4


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

    from flows import skill

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=threads))
    def many() -> list[RunResult]:
        return list(skill("word-count").map([{**INPUT, "n": n} for n in range(skills)]).result())

    return many()


def measure(skills: int, threads: int, server: PrefectServer) -> int:
    """Runs both, prints what it took, and returns the exit code."""
    runner = Runner.from_settings()
    package(SKILL, runner.settings.home / "skill.zip", runner.settings.max_skill_size)
    runner.registry.push("default", runner.settings.home / "skill.zip")
    mapped(threads, threads), bare(runner, threads, threads)

    seconds: dict[str, list[float]] = {"core": [], "prefect": []}
    processor: dict[str, list[float]] = {"core": [], "prefect": []}
    results: list[RunResult] = []
    part = -(-skills // ROUNDS)

    def timed(name: str, run: Callable[[], list[RunResult]]) -> None:
        began, used = time.monotonic(), time.process_time()
        results.extend(run())
        seconds[name].append((time.monotonic() - began) / part)
        processor[name].append((time.process_time() - used) / part)

    for _ in range(ROUNDS):
        timed("core", lambda: bare(runner, part, threads))
        timed("prefect", lambda: mapped(part, threads))

    core, with_prefect = (statistics.mean(seconds[name]) * 1000 for name in ("core", "prefect"))
    core_cpu, prefect_cpu = (statistics.mean(processor[name]) * 1000 for name in ("core", "prefect"))
    share, peak = with_prefect - core, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    failed = [result for result in results if not result.ok]
    left = runner.engine.containers({"skillbox.instance": runner.settings.instance})
    print(f"skills            {len(results) // 2} mapped, as many bare; {threads} threads")
    print(f"core              {core:.0f} ms a skill")
    print(f"with Prefect      {with_prefect:.0f} ms a skill; ratio {with_prefect / core:.2f}")
    print(f"Prefect's share   {share:.0f} ms a skill; the budget is 40 ms")
    own = f"{core_cpu:.0f} ms and {prefect_cpu:.0f} ms a skill; Prefect's share {prefect_cpu - core_cpu:.0f} ms"
    print(f"processor time    {own}")
    print(f"peak memory       {peak:.0f} MB")
    print(f"failed {len(failed)}, containers left {len(left)}, complaints of the server {len(server.complaints())}")
    for line in server.complaints()[:10]:
        print(f"  {line}")
    return 1 if failed or left or server.complaints() else 0


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
