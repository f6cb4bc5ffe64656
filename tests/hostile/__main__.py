"""`make hostile`: every case against this installation's engine, and a table of what became of them."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.text import Text

from skillbox_core import Runner, Settings
from skillbox_core.base.home import load_env_file
from tests.hostile.bench import Bench
from tests.hostile.cases import Case, How, chosen, load_cases, select
from tests.hostile.trial import Outcome

_COLUMNS = (44, 72, 40)
_COLOURS = {"held": "green", "BROKEN": "bold red", "skipped": "yellow"}


def main() -> int:
    """Runs the chosen cases; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make hostile", description=__doc__)
    parser.add_argument(
        "-k", default="", metavar="WORDS", help="only cases whose id holds one of these, comma-separated"
    )
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    parser.add_argument(
        "--inside-environment",
        action="store_true",
        help="the cases that have a sandbox, each inside a prepared environment",
    )
    parser.add_argument(
        "--waiting",
        action="store_true",
        help="the cases that have a sandbox, each in a container that waited for its job",
    )
    arguments = parser.parse_args()
    how = How(inside=arguments.inside_environment, waiting=arguments.waiting)
    cases = select(chosen(load_cases(), how), arguments.k)
    console = Console(width=None if sys.stdout.isatty() else 190, highlight=False)
    if arguments.list:
        for case in cases:
            console.print(Text(f"{case.id:{_COLUMNS[0]}} {case.promise}"))
        return 0
    return 1 if _run(cases, console, how)["BROKEN"] else 0


def _run(cases: list[Case], console: Console, how: How) -> Counter[str]:
    load_env_file()
    counts: Counter[str] = Counter()
    began = time.monotonic()
    _row(console, "CASE", "PROMISE", "OUTCOME", "TIME")
    with tempfile.TemporaryDirectory(prefix="skillbox-hostile-home-") as home:
        instance = f"hostile-{uuid.uuid4().hex[:12]}"
        # Each case has a container that is made for it; those that wait are asked for.
        settings = Settings(home=Path(home), instance=instance, db_dsn="", s3_endpoint="", pool_max=0)
        with Bench(Runner.from_settings(settings), together=cases, inside=how.inside, waiting=how.waiting) as bench:
            for case in cases:
                outcome = bench.run(case)
                counts[_word(outcome)] += 1
                _show(console, outcome)
    total = time.monotonic() - began
    console.print(
        f"\n{counts['held']} promises held, {counts['BROKEN']} broken, {counts['skipped']} skipped, "
        f"{total:.0f} s, engine {settings.engine_url}"
    )
    return counts


def _word(outcome: Outcome) -> str:
    return "skipped" if outcome.skipped else "held" if outcome.held else "BROKEN"


def _show(console: Console, outcome: Outcome) -> None:
    word = _word(outcome)
    said = f"{word}: {outcome.said}" if word != "held" else outcome.said
    _row(console, outcome.case.id, outcome.case.promise, said, f"{outcome.seconds:.2f} s", _COLOURS[word])
    for fault in outcome.faults:
        console.print(Text(f"    {fault}", style=_COLOURS[word]))


def _row(console: Console, case: str, promise: str, said: str, seconds: str, style: str = "bold") -> None:
    said = "".join(char if char.isprintable() else " " for char in said)
    cells = [_cut(text, width) for text, width in zip((case, promise, said), _COLUMNS, strict=True)]
    line = Text(f"{cells[0]} {cells[1]} ")
    line.append(f"{cells[2]} ", style=style)
    console.print(line.append(f"{seconds:>8}"), soft_wrap=True)


def _cut(text: str, width: int) -> str:
    return f"{text if len(text) <= width else text[: width - 1] + '…':{width}}"


if __name__ == "__main__":
    sys.exit(main())
