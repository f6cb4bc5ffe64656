"""`make bench`: measures, prints tables, writes one JSON file, and says which ratios got worse.

Each part runs in a process of its own, so that none finds what another left in memory. Ends with 1 if something failed
or a container was left; never because of a time.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from deployments.local.common import STATE
from skillbox_core.base.home import load_env_file
from tests.benchmarks import readme
from tests.benchmarks.baseline import BASELINE, verdict
from tests.benchmarks.machine import machine
from tests.benchmarks.parts import PARTS
from tests.benchmarks.report import Part, Report, from_json, part_of, to_json

README = Path(__file__).parents[2] / "README.md"
TURNS, QUICK_TURNS = 20, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts that are asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="NAMES", type=names, default=list(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a few minutes, with fewer turns and less of what is long")
    parser.add_argument("--turns", type=int, help=f"of short things; by default {TURNS}, with --quick {QUICK_TURNS}")
    parser.add_argument("--json", type=Path, metavar="PATH", default=STATE / "bench.json")
    parser.add_argument("--readme", action="store_true", help="write the table in README.md anew")
    asked = parser.parse_args(arguments)
    turns = asked.turns or (QUICK_TURNS if asked.quick else TURNS)
    load_env_file()
    # Read first: the new file may be written over it.
    before = from_json(BASELINE.read_text("utf-8")).ratios() if BASELINE.is_file() else {}
    report = Report(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}", machine())
    for name in asked.only:
        report.parts.append(run(name, turns, asked.quick))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(to_json(report), encoding="utf-8")
    print(f"\nwritten to {asked.json}")
    print("\n".join(verdict(before, report.ratios(), BASELINE.name)))
    if asked.readme:
        README.write_text(readme.rewritten(README.read_text("utf-8"), readme.table(report)), encoding="utf-8")
    for what in report.failures:
        print(f"FAILED {what}")
    return 1 if report.failures else 0


def names(text: str) -> list[str]:
    """Names of parts, comma-separated."""
    found = text.split(",")
    if unknown := [name for name in found if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(PARTS)}")
    return found


def run(name: str, turns: int, quick: bool) -> Part:
    """One part in a process of its own, which prints as it goes."""
    module = PARTS[name]
    print(f"\n{name.upper()}  {doc_of(module)}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="skillbox-bench-") as folder:
        written = Path(folder) / "part.json"
        command = [sys.executable, "-m", "tests.benchmarks.one", name, str(turns), str(written)]
        code = subprocess.run([*command, *(["--quick"] if quick else [])]).returncode
        if written.is_file():
            part = part_of(json.loads(written.read_text("utf-8")))
        else:
            part = Part(name, failures=[f"its process ended with {code}"])
    part.seconds = time.monotonic() - began
    print(f"  ({part.seconds:.0f} s)", flush=True)
    return part


def doc_of(module: str) -> str:
    """The first sentence of a module, without loading it: what it loads is no part of this process."""
    import ast

    text = (Path(__file__).with_name(f"{module}.py")).read_text("utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
