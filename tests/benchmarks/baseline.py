"""A run held against an earlier one, by ratios only: another machine, or a busy one, makes both sides of one slower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.report import Ratio

BASELINE = Path(__file__).with_name("baseline.json")
MARGIN = 0.15
"""How much worse a ratio must be to be named. Two runs of the same code on busy processors differ by up to a tenth."""


@dataclass(frozen=True)
class Change:
    """A ratio that is not what it was.

    Attributes:
        factor: How many times as bad as before: 1.2 is a fifth worse.
    """

    name: str
    was: float
    now: float
    factor: float

    def __str__(self) -> str:
        return f"{self.name}: {self.now:.2f}, was {self.was:.2f} ({(self.factor - 1) * 100:+.0f}%)"


def worse(was: Mapping[str, Ratio], now: Mapping[str, Ratio], margin: float = MARGIN) -> list[Change]:
    """The ratios that got worse by more than the margin, the worst first. What only one of both has is not in it."""
    changes = [change(name, was[name], ratio) for name, ratio in now.items() if name in was]
    return sorted((each for each in changes if each.factor > 1 + margin), key=lambda each: -each.factor)


def change(name: str, was: Ratio, now: Ratio) -> Change:
    """How a ratio compares with what it was."""
    before, after = (now.value, was.value) if now.more_is_better else (was.value, now.value)
    return Change(name, was.value, now.value, after / before if before else float("inf" if after else 1))


def verdict(was: Mapping[str, Ratio], now: Mapping[str, Ratio], whence: str, *, quick: bool = False) -> list[str]:
    """What there is to say of a run beside an earlier one, as lines; also of what could not be compared.

    Args:
        whence: Names the earlier one.
        quick: Whether the run was a quick one, in which what is long has other sizes, and so other names.
    """
    both = [name for name in now if name in was]
    lines = [str(each) for each in worse(was, now)]
    if not both:
        lines = [f"nothing in {whence} to compare with"]
    elif not lines:
        lines = [f"none of {_ratios(len(both))} is more than {MARGIN:.0%} worse than in {whence}"]
    else:
        lines = [f"{len(lines)} of {_ratios(len(both))} are more than {MARGIN:.0%} worse than in {whence}:", *lines]
    why = "; with --quick what is long has other names" if quick else ""
    if new := [name for name in now if name not in was]:
        lines.append(f"{_ratios(len(new))} not compared, not in {whence}{why}: {', '.join(new)}")
    parts = {_part(name) for name in now}
    # Of the parts that were measured alone: nobody misses the others.
    if gone := [name for name in was if name not in now and _part(name) in parts]:
        lines.append(f"{_ratios(len(gone))} of {whence} not measured now{why}: {', '.join(gone)}")
    return lines


def _part(name: str) -> str:
    return name.partition(": ")[0]


def _ratios(count: int) -> str:
    return f"{count} ratio{'' if count == 1 else 's'}"
