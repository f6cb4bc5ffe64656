"""Memory, open files and threads of a process over 2,000 runs: at a tenth of them, and at the end."""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.ground import Scale, ground
from tests.benchmarks.report import Part
from tests.benchmarks.turns import Comparison

RUNS, QUICK = 2000, 200
AT_ONCE = 8
BUDGET = 1.1


def measure(scale: Scale, part: Part) -> None:
    """Runs them eight at once, and looks ten times."""
    runs = QUICK if scale.quick else RUNS
    looks: list[dict[str, float]] = []
    with ground(part, max_concurrent_execs=AT_ONCE) as made, ThreadPoolExecutor(AT_ONCE) as pool:
        for tenth in range(10):
            first = tenth * runs // 10
            list(pool.map(made.run, range(first, first + runs // 10)))
            made.settle()
            looks.append(held())
            part.say(f"  {first + runs // 10:5} runs: " + ", ".join(f"{v:.0f} {k}" for k, v in looks[-1].items()))
    for what in looks[0]:
        unit = "MB" if what == "MB of memory" else what
        # Connections come and go with the number of runs that happen to be at the same step.
        begin, end = looks[0][what], statistics.median(look[what] for look in looks[-3:])
        part.figure(f"{what} after {runs // 10} runs", unit, begin)
        part.figure(f"{what} after {runs:,} runs", unit, end)
        grown = end / begin
        name = f"{what}: {runs:,} runs / {runs // 10}"
        part.ratio(name, Comparison(grown, grown, grown), budget=BUDGET)


def held() -> dict[str, float]:
    """What this process holds now."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return {
        "MB of memory": int(status["VmRSS"].split()[0]) * 1024 / 1e6,
        "open files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": int(status["Threads"]),
    }
