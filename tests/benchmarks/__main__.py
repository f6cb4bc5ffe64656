"""`make bench`: measures, prints tables, writes one JSON file, and says which ratios got worse.

Each part runs in a process of its own, so that none finds what another left in memory. Ends with 1 if something failed
or a container was left; never because of a time.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deployments.local.common import STATE
from skillbox_core.base.home import load_env_file
from tests.benchmarks import readme
from tests.benchmarks.baseline import BASELINE, verdict
from tests.benchmarks.machine import machine
from tests.benchmarks.parts import PARTS, QUICK_TURNS, TURNS
from tests.benchmarks.report import Part, Report, from_json, part_of, to_json

README = Path(__file__).parents[2] / "README.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts that are asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="NAMES", type=names, default=list(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a few minutes, with fewer turns and less of what is long")
    parser.add_argument(
        "--turns", type=positive, help=f"of short things; by default {TURNS}, with --quick {QUICK_TURNS}"
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="PATH",
        default=STATE / "bench.json",
        help="where the JSON goes, after each part; of a file that is there, the parts that are not measured are kept",
    )
    parser.add_argument(
        "--readme", action="store_true", help=f"write the table in README.md anew, of a whole `{readme.PART}`"
    )
    asked = parser.parse_args(arguments)
    load_env_file()
    # What is measured is a container that is made for its run, where a part does not say otherwise.
    os.environ["SKILLBOX_POOL_MAX"] = "0"
    report = Report(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}", machine())
    # Read first: the new file may be written over the baseline, and a file of another kind is no end for a long run.
    before = from_json(BASELINE.read_text("utf-8")).ratios() if BASELINE.is_file() else {}
    try:
        kept = earlier(asked.json, report.machine)
    except ValueError as error:
        parser.error(f"--json {asked.json}: {error}; name another file, or remove this one")
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    for name in asked.only:
        part = run(name, asked.turns or (QUICK_TURNS if asked.quick else TURNS), asked.quick)
        part.date = report.date
        report.parts.append(part)
        # After each one: who stops it keeps what is measured.
        asked.json.write_text(to_json(together(report, kept)), encoding="utf-8")
    print(f"\nwritten to {asked.json}")
    if others := [part.name for part in kept if part.name not in asked.only]:
        print(f"kept in it from before: {', '.join(others)}")
    print("\n".join(verdict(before, report.ratios(), BASELINE.name, quick=asked.quick)))
    if asked.readme:
        print(write_readme(report))
    for what in report.failures:
        print(f"FAILED {what}")
    return 1 if report.failures else 0


def earlier(file: Path, here: Mapping[str, str]) -> list[Part]:
    """The parts of a file that is there, if they were measured on this machine with the same versions.

    Raises:
        ValueError: It is no report.
    """
    if not file.exists():
        return []
    try:
        found = from_json(file.read_text("utf-8"))
    except (OSError, KeyError, TypeError) as error:
        raise ValueError(f"it can't be read as a report of the benchmarks: {error}") from None
    # A file says for all its parts what they were measured on.
    if other := [name for name in {**found.machine, **here} if found.machine.get(name) != here.get(name)]:
        print(f"the parts in {file} are not kept: it has another {', '.join(other)}")
        return []
    for part in found.parts:
        part.date = part.date or found.date
    return found.parts


def together(report: Report, kept: Sequence[Part]) -> Report:
    """What is measured, with those parts of before that it has not, in the usual order."""
    parts = {part.name: part for part in (*kept, *report.parts)}
    return Report(report.date, report.machine, sorted(parts.values(), key=lambda part: list(PARTS).index(part.name)))


def write_readme(report: Report) -> str:
    """Writes the README's table if the run is fit for it; what came of it."""
    if why := readme.unfit(next((part for part in report.parts if part.name == readme.PART), None)):
        return f"{README.name} is left as it is: {why}"
    README.write_text(readme.rewritten(README.read_text("utf-8"), readme.table(report)), encoding="utf-8")
    return f"{README.name} has the new table"


def positive(text: str) -> int:
    """A number of turns."""
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of turns: it is a whole number from 1 on")
    return int(text)


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
    part.seconds, part.turns, part.quick = time.monotonic() - began, turns, quick
    print(f"  ({part.seconds:.0f} s)", flush=True)
    return part


def doc_of(module: str) -> str:
    """The first sentence of a module, without loading it: what it loads is no part of this process."""
    import ast

    text = (Path(__file__).with_name(f"{module}.py")).read_text("utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
