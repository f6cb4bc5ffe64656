"""The README's table of how fast it is, written between two markers."""

from __future__ import annotations

from tests.benchmarks.report import YARDSTICK, Part, Report, short

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


COMPARED = ("cold", "throughput", "prefect", "packages")
"""Parts whose ratios are of two things that a reader knows."""


def table(report: Report) -> str:
    """What a reader wants to know of a run, as Markdown: each thing once, and what Skillbox is in its terms."""
    lines = ["| | median | Skillbox / it |", "|---|---|---|"]
    for part in report.parts:
        if part.name in COMPARED:
            lines += _compared(report, part)
        if part.name == "commands":
            lines += [
                f"| {figure.name} | {short(figure.value)} {figure.unit} of processor time | |"
                for figure in part.figures
                if figure.name != YARDSTICK
            ]
    told = report.machine
    notes = (
        f"On {told['processors']}, engine {told['engine']}, Python {told['python']}, {report.date}. "
        "A run is from request\n"
        "to result; Skillbox's has a record in SQLite and all hardening, the others are as they are by themselves."
    )
    return "\n".join([*lines, "", notes])


def _compared(report: Report, part: Part) -> list[str]:
    lines, seen = [], set()
    for ratio in part.ratios:
        mine, _, theirs = ratio.name.partition(" / ")
        ours, beside = report.figure(part.name, mine), report.figure(part.name, theirs)
        if not ours or not beside:
            continue
        if mine not in seen:
            lines.append(f"| {mine} | {short(ours.value)} {ours.unit} | |")
            seen.add(mine)
        lines.append(f"| {theirs} | {short(beside.value)} {beside.unit} | {ratio.value:.2f} |")
    return lines
