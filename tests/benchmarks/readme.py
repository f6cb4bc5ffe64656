"""The README's table of how fast it is, written between two markers."""

from __future__ import annotations

from tests.benchmarks.names import COMMAND, DOCKER_RUN, SKILLBOX, UNTIL_GONE
from tests.benchmarks.parts import TURNS
from tests.benchmarks.report import Part, Report, short

BEGIN, END = "<!-- written by `make bench` -->", "<!-- end of what `make bench` writes -->"


def rewritten(text: str, table: str) -> str:
    """The README with another table.

    Raises:
        ValueError: The markers are not there, each once and in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"README.md needs the lines {BEGIN} and {END}, each once and in this order")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


PART = "cold"
"""The part that the table is of."""


def unfit(part: Part | None) -> str:
    """Why a measured part is not to stand in the README; empty if it may."""
    if part is None:
        return f"the part `{PART}`, which its table is of, was not measured: `--only {PART}` measures it"
    if part.failures:
        return f"something of the part `{PART}` failed: {part.failures[0]}"
    if part.quick or part.turns < TURNS:
        return f"its table is of {TURNS} turns at least, and this was a short run: leave out `--quick` and `--turns`"
    return ""


def table(report: Report) -> str:
    """What a reader wants to know of a cold run, as Markdown: each thing once, and what Skillbox is in its terms."""
    part = next(part for part in report.parts if part.name == PART)
    told = report.machine
    notes = (
        f"On {told['processors']}, engine {told['engine']}, Python {told['python']}, {part.date or report.date}. "
        "A run is from request\n"
        "to result; Skillbox's has a record in SQLite and all hardening, the others are as they are by themselves."
    )
    for ratio in part.ratios:
        if ratio.name == f"{COMMAND} / {DOCKER_RUN}":
            notes += f"\n`{COMMAND.partition(',')[0]}` is {ratio.value:.2f} of `{DOCKER_RUN}`, a command too."
    if part.skipped:
        notes += f"\nNot measured: {', '.join(part.skipped)}."
    head = ["| | median | Skillbox / it | both until the container is gone |", "|---|---|---|---|"]
    return "\n".join([*head, *_compared(part), "", notes])


def _compared(part: Part) -> list[str]:
    figures = {figure.name: f"{short(figure.value)} {figure.unit}" for figure in part.figures}
    ratios = {ratio.name: f"{ratio.value:.2f}" for ratio in part.ratios}
    lines = [f"| {name} | {figures[name]} | | |" for name in (SKILLBOX, COMMAND) if name in figures]
    for name in figures:
        if beside := ratios.get(f"{SKILLBOX} / {name}"):
            gone = ratios.get(f"{SKILLBOX}{UNTIL_GONE} / {name}", "-")
            lines.append(f"| {name} | {figures[name]} | {beside} | {gone} |")
    return lines
