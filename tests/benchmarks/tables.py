"""What skills cost in memory where tables pass through a flow: a frame of a million rows, beside plain functions.

One flow maps a step over the groups of a frame, joins what it gives in pandas, and writes a Parquet file; the step is a
skill (`clean-table` of the examples), then a plain function that does the same. Each runs in a process of its own, on
one Prefect server, and says its peak. It fails if the two give different tables, or if the peak with skills is more
than 64 MB above the other: that is a promise about memory, and no time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from deployments.example import push
from skillbox_core import Settings
from skillbox_core.base.home import load_env_file
from skillbox_core.installation import Installation
from tests.benchmarks.ground import Scale, check_left
from tests.benchmarks.report import Part
from tests.benchmarks.turns import Contestant, TurnError, compare, take_turns
from tests.services import index
from tests.services.postgres import postgres
from tests.services.prefect import prefect_server

MOST = 64_000_000
"""Bytes that the worker's peak may be above that of plain functions."""
ROWS, QUICK = 1_000_000, 100_000
TABLES = Path(__file__).parents[2] / "examples" / "tables"
FLOW = """
import json, sys
from pathlib import Path
import pandas as pd, polars as pl, numpy as np
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner
from prefect_skillbox import skill

with_skills, rows, target = sys.argv[1] == "skills", int(sys.argv[2]), Path(sys.argv[3])

@task
def clean(table):
    return table.drop_nulls()

def groups():
    numbers = np.random.default_rng(1)
    sold = pl.Series(numbers.integers(0, 1_000, rows)).cast(pl.Int64)
    frame = pl.DataFrame({
        "shop": pl.Series(numbers.integers(0, 8, rows)).cast(pl.String),
        "day": pl.Series(numbers.integers(0, 365, rows)),
        "price": pl.Series(numbers.random(rows)),
        "sold": pl.select(pl.when(sold > 0).then(sold)).to_series(),
    })
    return frame.partition_by("shop", maintain_order=True)

@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def sales():
    parts = groups()
    if with_skills:
        cleaned = skill("clean-table").map({}, files=[{"sales.parquet": part} for part in parts])
        tables = [one.result().table("clean.parquet").to_pandas() for one in cleaned]
    else:
        tables = [one.result().to_pandas() for one in clean.map(parts)]
    joined = pd.concat(tables, ignore_index=True)
    joined.to_parquet(target)
    return len(joined)

kept = sales()
text = Path("/proc/self/status").read_text()
print(json.dumps([kept, int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmHWM"))) * 1024]))
"""


def run(what: str, rows: int, target: Path, environment: dict[str, str]) -> tuple[int, int]:
    """Rows that were kept and the peak in bytes."""
    command = [sys.executable, "-c", FLOW, what, str(rows), str(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise TurnError(f"the flow with {what} failed:\n{done.stdout}{done.stderr}")
    kept, peak = json.loads(done.stdout.strip().splitlines()[-1])
    return kept, peak


def measure(scale: Scale, part: Part) -> None:
    """A Prefect server and an installation of its own, for both."""
    import pandas as pd

    load_env_file()
    if why := index.missing():
        part.skip("tables", why)
        return
    rows = QUICK if scale.quick else ROWS
    with tempfile.TemporaryDirectory(prefix="skillbox-bench-") as temporary:
        folder = Path(temporary)
        settings = Settings(home=folder / "home", instance=f"bench-{uuid.uuid4().hex[:12]}", db_dsn="", s3_endpoint="")
        installation = Installation.from_settings(settings)
        push(installation, [TABLES / "clean-table"])
        for name in ("postgres", "prefect"):
            (folder / name).mkdir()
        with postgres(folder / "postgres") as database, prefect_server(folder / "prefect", database) as server:
            environment = {
                **os.environ,
                "SKILLBOX_HOME": str(settings.home),
                "SKILLBOX_INSTANCE": settings.instance,
                "PREFECT_API_URL": server.api,
            }

            def peak_of(what: str) -> Contestant:
                return Contestant(what, lambda: run(what, rows, folder / f"{what}.parquet", environment)[1])

            times = take_turns([peak_of("functions"), peak_of("skills")], 2, warm=True)
        check_left(part, installation)
        for what, each in times.items():
            if each.problem:
                part.fail(each.problem)
                return
            part.figure(f"peak with {what}, {rows:,} rows", "MB", *(peak / 1e6 for peak in each.values))
        names = f"peak with skills, {rows:,} rows / peak with functions"
        part.ratio(names, compare(times["skills"], times["functions"]))
        more = min(times["skills"].values) - min(times["functions"].values)
        part.figure("the worker's peak with skills above that with functions", "MB", more / 1e6, budget=MOST / 1e6)
        if more > MOST:
            part.fail(f"the peak with skills is {more / 1e6:.0f} MB above the other; {MOST / 1e6:.0f} are allowed")
        if not pd.read_parquet(folder / "skills.parquet").equals(pd.read_parquet(folder / "functions.parquet")):
            part.fail("skills and functions gave different tables")
