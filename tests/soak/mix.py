"""The plan of a soak: which skills run, how, and what is done to them. Decided by a seed, before anything starts."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tests.hostile.cases import Case, load_cases

Way: TypeAlias = Literal["core", "flow"]

SHARES = {"harmless": 45, "failing": 18, "hostile": 22, "cancelled": 15}
"""Of a hundred runs, so many of each group."""
BATCH = 10
"""Runs that one worker is given at a time; in a flow they are one flow run."""
STOPPED = 4
"""Runs of a flow that is told to stop: as many as a worker runs at once, so that each has begun or was about to."""

_OWN = Path(__file__).parent / "cases"
# What they measure is the share of a processor that they get, and here eight sandboxes share two.
_NEEDS_A_QUIET_MACHINE = {"run/cpu-is-throttled"}
# Their case is what somebody does from outside, or settings of their own.
_NOT_ALONE = {"meddle", "settings", "patched", "image", "input", "memory", "needs"}
_PUSHED = {"front"}
_HANDED_ON = {"options", "env"}
_JUDGED = {"status", "reason", "output", "files", "says", "warns", "logs", "never_tells"}
# Bounds are of a machine that does nothing else, other answers of a runtime that has no soak; and nobody listens.
_PASSED_OVER = {"promise", "within", "gvisor", "listener_takes"}
_KNOWN = _PUSHED | _HANDED_ON | _JUDGED | _PASSED_OVER


@dataclass(frozen=True)
class Run:
    """One run of a skill.

    Attributes:
        number: Unique in the soak; the skill's input, so that its records are found.
        case: Whose script it is; an id of `cases_by_group()`.
        cancel_after: Seconds after which its caller cancels it.
    """

    number: int
    case: str
    cancel_after: float | None = None


@dataclass(frozen=True)
class Batch:
    """What a worker is given at once.

    Attributes:
        struck: Its worker may be killed.
        stop_after: Seconds after which its worker is told to stop (SIGTERM), as when a person cancels a flow run.
        warm_up: Its worker is measured only after it: a worker holds more once it has seen each kind of run.
    """

    name: str
    way: Way
    struck: bool
    runs: tuple[Run, ...]
    stop_after: float | None = None
    warm_up: bool = False


def cases_by_group() -> dict[str, dict[str, Case]]:
    """All scripts of the soak: its own, and those of the hostile suite that need nothing but themselves."""
    found: dict[str, dict[str, Case]] = {group: {} for group in SHARES}
    for case in load_cases(_OWN):
        found[case.id.split("/")[0]][_known(case).id] = case
    for case in load_cases():
        if case.kind == "skill" and not _NOT_ALONE & case.spec.keys() and case.id not in _NEEDS_A_QUIET_MACHINE:
            found["hostile"][_known(case).id] = case
    return found


def _known(case: Case) -> Case:
    if unknown := case.spec.keys() - _KNOWN:
        raise ValueError(f"the soak does nothing with {sorted(unknown)} of the case {case.id}")
    return case


def call_of(case: Case) -> dict[str, Any]:
    """How a case's skill is called, beside its input: `options` and `env`."""
    # What is to succeed has time enough for that on a machine that does much else.
    patience = {"timeout": "150s"} if case.spec["status"] == "success" else {}
    return {
        "options": {"timeout": "60s", "cpu": "1", **case.spec.get("options", {}), **patience},
        "env": dict(case.spec.get("env", {})),
    }


def plan(runs: int, seed: int) -> list[Batch]:
    """So many runs, half through the core and half through flows, half of each with workers that may be killed.

    Before them each worker that is never killed runs every script once.
    """
    dice = random.Random(seed)
    groups = {group: sorted(cases) for group, cases in cases_by_group().items()}
    batches = list(_batches(dice, groups, iter(range(runs)), runs))
    dice.shuffle(batches)
    return [*_warm_ups(groups, itertools.count(runs)), *batches]


def _warm_ups(groups: dict[str, list[str]], numbers: Iterator[int]) -> Iterator[Batch]:
    scripts = [name for group, names in groups.items() if group != "cancelled" for name in names]
    ways: tuple[Way, ...] = ("core", "flow")
    for way in ways:
        for start in range(0, len(scripts), BATCH):
            runs = tuple(Run(next(numbers), name) for name in scripts[start : start + BATCH])
            yield Batch(f"warm-up-{way}-{start}", way, False, runs, warm_up=True)


def _batches(dice: random.Random, groups: dict[str, list[str]], numbers: Iterator[int], runs: int) -> Iterator[Batch]:
    cancelled_in_flows = runs * SHARES["cancelled"] // 300
    for index in range(cancelled_in_flows // STOPPED):
        sleeping = tuple(Run(next(numbers), dice.choice(groups["cancelled"])) for _ in range(STOPPED))
        yield Batch(f"stopped-{index}", "flow", True, sleeping, stop_after=dice.uniform(0.2, 4.0))
    index = 0
    while mixed := tuple(_mixed(dice, groups, numbers, cancels=index % 2 == 0)):
        yield Batch(f"mixed-{index}", "flow" if index % 2 else "core", index % 4 < 2, mixed)
        index += 1


def _mixed(
    dice: random.Random, groups: dict[str, list[str]], numbers: Iterator[int], *, cancels: bool
) -> Iterator[Run]:
    names = [name for name in SHARES if cancels or name != "cancelled"]
    # What flows don't cancel in their mixed batches is made up for here.
    weights = [SHARES[name] * (4 / 3 if name == "cancelled" else 1) for name in names]
    for number in itertools.islice(numbers, BATCH):
        (group,) = dice.choices(names, weights)
        after = dice.uniform(0.0, 3.0) if group == "cancelled" else None
        yield Run(number, dice.choice(groups[group]), after)
