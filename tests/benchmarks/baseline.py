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
    """The ratios that got worse by more than the margin, the worst first. What only one of both has is passed over."""
    changes = [change(name, was[name], ratio) for name, ratio in now.items() if name in was]
    return sorted((each for each in changes if each.factor > 1 + margin), key=lambda each: -each.factor)


def change(name: str, was: Ratio, now: Ratio) -> Change:
    """How a ratio compares with what it was."""
    before, after = (now.value, was.value) if now.more_is_better else (was.value, now.value)
    return Change(name, was.value, now.value, after / before if before else float("inf" if after else 1))


def verdict(was: Mapping[str, Ratio], now: Mapping[str, Ratio], whence: str) -> list[str]:
    """What there is to say of a run beside an earlier one, as lines.

    Args:
        whence: Names the earlier one.
    """
    both = [name for name in now if name in was]
    if not both:
        return [f"nothing in {whence} to compare with"]
    lines = [str(each) for each in worse(was, now)]
    if not lines:
        return [f"none of {len(both)} ratios is more than {MARGIN:.0%} worse than in {whence}"]
    return [f"{len(lines)} of {len(both)} ratios are more than {MARGIN:.0%} worse than in {whence}:", *lines]
