"""What a run of the benchmarks found: figures, and ratios of things that took turns. As JSON, and as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.benchmarks.turns import Comparison, Times, quantile

FORMAT = 1
YARDSTICK = "the yardstick"
"""What is measured for the sake of the ratios only."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Figure:
    """A measured thing: its median, and the tenth and ninetieth percentile of as many turns.

    Attributes:
        budget: What the value must not go over; None where there is none.
    """

    name: str
    unit: str
    value: float
    low: float
    high: float
    turns: int
    budget: float | None = None

    @property
    def within(self) -> bool:
        """Whether it keeps to its budget; one without a budget does."""
        return self.budget is None or self.value <= self.budget


@dataclass(frozen=True)
class Ratio:
    """A thing beside its peer of the same run.

    Attributes:
        low, high: Quartiles over the rounds; both the value where there was one round.
        budget: What the value must not go over (under, where more is better); None where there is none.
        more_is_better: Of rates; of times and sizes less is.
    """

    name: str
    value: float
    low: float
    high: float
    budget: float | None = None
    more_is_better: bool = False

    @property
    def within(self) -> bool:
        """Whether it keeps to its budget; one without a budget does."""
        if self.budget is None:
            return True
        return self.value >= self.budget if self.more_is_better else self.value <= self.budget


@dataclass
class Part:
    """One part of the benchmarks, filled while it is measured.

    Attributes:
        date: The day; a file may have parts of several days.
        turns: Of short things, as asked for; 0 in a report of before this was noted.
        quick: Whether less was measured of what is long.
        skipped: What could not be measured, by name, and why.
        failures: What went wrong. Never that something was slow.
    """

    name: str
    figures: list[Figure] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    date: str = ""
    turns: int = 0
    quick: bool = False
    say: Say = field(default=lambda _line: None, repr=False, compare=False)

    def figure(self, name: str, unit: str, *values: float, budget: float | None = None) -> None:
        """Notes a figure: one value, or those of all turns."""
        middle, low, high = (quantile(values, part) for part in (0.5, 0.1, 0.9))
        figure = Figure(name, unit, middle, low, high, len(values), budget)
        self.figures.append(figure)
        self.say(figure_line(figure))

    def times(
        self, name: str, times: Times, unit: str = "ms", scale: float = 1000.0, budget: float | None = None
    ) -> None:
        """Notes what the turns of a contestant took, or that it had none, and why."""
        if times.problem:
            self.skip(name, times.problem)
        elif times.values:
            self.figure(name, unit, *(value * scale for value in times.values), budget=budget)

    def ratio(self, name: str, found: Comparison, *, budget: float | None = None, more_is_better: bool = False) -> None:
        """Notes a ratio."""
        ratio = Ratio(name, found.value, found.low, found.high, budget, more_is_better)
        self.ratios.append(ratio)
        self.say(ratio_line(ratio))

    def skip(self, name: str, why: str) -> None:
        """Notes what could not be measured."""
        self.skipped[name] = why
        self.say(f"  {name}: not measured, {why}")

    def fail(self, what: str) -> None:
        """Notes what went wrong."""
        self.failures.append(what)
        self.say(f"  FAILED: {what}")


@dataclass
class Report:
    """All parts of one run.

    Attributes:
        machine: What it was measured on; names of programs and their versions, and sizes.
        date: The day on which it was last written.
    """

    date: str
    machine: dict[str, str]
    parts: list[Part] = field(default_factory=list)

    def ratios(self) -> dict[str, Ratio]:
        """All ratios, by the names of their part and of themselves."""
        return {f"{part.name}: {ratio.name}": ratio for part in self.parts for ratio in part.ratios}

    def figure(self, part: str, name: str) -> Figure | None:
        """A figure, if it was measured."""
        return next(
            (figure for one in self.parts if one.name == part for figure in one.figures if figure.name == name), None
        )

    @property
    def failures(self) -> list[str]:
        """What went wrong, with the part."""
        return [f"{part.name}: {what}" for part in self.parts for what in part.failures]


def to_json(report: Report) -> str:
    """The report as JSON text, as it is committed as a baseline."""
    parts = [part_document(part) for part in report.parts]
    document = {"format": FORMAT, "date": report.date, "machine": report.machine, "parts": parts}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Report:
    """A report that `to_json` wrote.

    Raises:
        ValueError: It is of another form.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"this is no report of the benchmarks of format {FORMAT}; `make bench` writes one")
    return Report(document["date"], document["machine"], [part_of(part) for part in document["parts"]])


def part_document(part: Part) -> dict[str, Any]:
    """A part as JSON has it, rounded to what can be told apart."""
    return {
        "name": part.name,
        "seconds": round(part.seconds, 1),
        "date": part.date,
        "turns": part.turns,
        "quick": part.quick,
        "figures": [_rounded(asdict(figure)) for figure in part.figures],
        "ratios": [_rounded(asdict(ratio)) for ratio in part.ratios],
        "skipped": part.skipped,
        "failures": part.failures,
    }


def part_of(document: Mapping[str, Any]) -> Part:
    """The same back."""
    return Part(
        document["name"],
        [Figure(**figure) for figure in document["figures"]],
        [Ratio(**ratio) for ratio in document["ratios"]],
        dict(document["skipped"]),
        list(document["failures"]),
        document["seconds"],
        document.get("date", ""),
        document.get("turns", 0),
        document.get("quick", False),
    )


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in values.items()}


def figure_line(figure: Figure) -> str:
    """One line of the table."""
    spread = f"  {short(figure.low)} to {short(figure.high)}, {figure.turns} turns" if figure.turns > 1 else ""
    return f"  {figure.name:72} {short(figure.value):>8} {figure.unit:8}{spread}{_kept(figure.budget, figure.within)}"


def ratio_line(ratio: Ratio) -> str:
    """One line of the table."""
    spread = f"  {ratio.low:.2f} to {ratio.high:.2f}" if ratio.low != ratio.high else ""
    return f"  {ratio.name:72} {ratio.value:8.2f} x       {spread}{_kept(ratio.budget, ratio.within)}"


def _kept(budget: float | None, within: bool) -> str:
    return "" if budget is None else f"  budget {budget:g}{'' if within else ': MISSED'}"


def short(value: float) -> str:
    """A figure with as many digits as are worth reading."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
