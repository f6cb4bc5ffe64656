"""`make soak`: a thousand mixed runs with workers that are killed, and then every record is looked at.

A Prefect server on Postgres and a fresh installation are started for it. Ends with 1 if a record is not as it must
be, if anything is left, or if a worker's memory grew by more than a tenth.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from prefect.context import refresh_global_settings_context

from skillbox_core import Runner
from skillbox_core.base.home import load_env_file
from tests.services.postgres import postgres
from tests.services.prefect import PrefectServer, prefect_server
from tests.soak.ground import Ground
from tests.soak.judge import Judge
from tests.soak.mix import SHARES, plan
from tests.soak.strike import Line, side_by_side

GROWTH = 1.10
PLACES = 8
"""Containers that wait: too few for the kinds of all scripts, so that some runs take one and others have one made."""


def main() -> int:
    """Starts what is needed, in a folder that goes away."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the plan and of the kills")
    arguments = parser.parse_args()
    load_env_file()
    with tempfile.TemporaryDirectory(prefix="skillbox-soak-") as folder:
        parts = {name: Path(folder) / name for name in ("postgres", "prefect", "home", "tmp", "client")}
        for part in parts.values():
            part.mkdir()
        with postgres(parts["postgres"]) as url, prefect_server(parts["prefect"], url) as server:
            os.environ |= {
                "PREFECT_API_URL": server.api,
                "PREFECT_HOME": str(parts["client"]),
                "PREFECT_LOGGING_LEVEL": "WARNING",
                "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "SKILLBOX_HOME": str(parts["home"]),
                "SKILLBOX_INSTANCE": f"soak-{uuid.uuid4().hex[:12]}",
                "SKILLBOX_DB_DSN": url,
                "SKILLBOX_POOL_MAX": str(PLACES),
                "TMPDIR": str(parts["tmp"]),
            }
            refresh_global_settings_context()
            return soak(arguments.runs, arguments.seed, server, Path(folder))


def soak(runs: int, seed: int, server: PrefectServer, folder: Path) -> int:
    """Runs the plan, looks at what became of it, prints that, and returns the exit code."""
    say(f"{runs} runs, seed {seed}")
    ground = Ground(Runner.from_settings())
    batches, log = plan(runs, seed), folder / "workers.log"
    lines = [
        Line(
            way,
            [batch for batch in batches if (batch.way, batch.struck) == (way, struck)],
            struck,
            ground.prepare,
            ground.abandon,
            os.environ,
            log,
            seed + number,
        )
        for number, (way, struck) in enumerate([("core", False), ("core", True), ("flow", False), ("flow", True)])
    ]
    began = time.monotonic()
    with ground.watched():
        side_by_side(lines, say)
        say(f"{time.monotonic() - began:4.0f} s  all batches are done; waiting for what nobody took up again")
        faults = [fault for line in lines for fault in line.faults]
        faults += ground.settle()
    judge = Judge(ground.runner, ground.starts.by_execution())
    fates = [fate for line in lines for fate in line.fates]
    faults += judge.faults(fates)
    faults += judge.untaken()
    faults += ground.left(fates)
    faults += server.complaints()
    for line in lines:
        faults += growth(line)
    report(lines, judge, ground)
    for fault in faults[:50]:
        say(f"BROKEN  {fault}")
    if faults:
        say(f"the workers' own words:\n{log.read_text(errors='replace')[-6000:] if log.exists() else ''}")
    say(f"{len(faults)} faults, {time.monotonic() - began:.0f} s, seed {seed}")
    return 1 if faults else 0


def growth(line: Line) -> Iterator[str]:
    """Compares the memory of a worker that lived through all its batches: early, and at the end."""
    if line.struck:
        return
    if line.workers != 1:
        yield f"{line.name}: it took {line.workers} workers"
    early, late = memory(line) if line.resident else (0, 0)
    if late > early * GROWTH:
        yield f"{line.name}: its memory grew from {early >> 20} to {late >> 20} MiB"


def memory(line: Line) -> tuple[int, int]:
    """The median of the first fifth after the warm-up, and of the last fifth, in bytes."""
    measured = line.resident[sum(batch.warm_up for batch in line.batches) :] or line.resident
    fifth = max(len(measured) // 5, 1)
    return int(statistics.median(measured[:fifth])), int(statistics.median(measured[-fifth:]))


def report(lines: list[Line], judge: Judge, ground: Ground) -> None:
    """The figures."""
    say(f"\n{'GROUP':10} RECORDS THAT ENDED AS")
    for group in SHARES:
        ended = {status: number for (of, status), number in sorted(judge.seen.items()) if of == group}
        say(f"{group:10} {', '.join(f'{number} {status}' for status, number in ended.items()) or 'none'}")
    say(f"\n{'WORKERS':24} BATCHES  KILLED  GIVEN UP  STOPPED  MEMORY, EARLY AND LATE")
    for line in lines:
        killed = sum(fate.strikes for fate in line.fates)
        abandoned, stopped = (sum(getattr(fate, name) for fate in line.fates) for name in ("abandoned", "stopped"))
        early, late = memory(line) if not line.struck and line.resident else (0, 0)
        grown = f"{early >> 20} MiB, {late >> 20} MiB ({late / early - 1:+.1%})" if early else "not measured"
        say(f"{line.name:24} {len(line.fates):7}  {killed:6}  {abandoned:8}  {stopped:7}  {grown}")
    taken = ", ".join(f"{way} {judge.taken[way]} of {judge.records[way]}" for way in judge.records)
    say(f"\nruns in a container that had waited: {taken}")
    say(f"starts of skills {ground.starts.by_execution().total()}, clean-ups meanwhile {ground.cleanups}, "
        f"orphans that they removed {ground.orphans}")  # fmt: skip


def say(text: str) -> None:
    """At once, since a soak takes long."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
