"""The cases as data: read from `cases/`, one value for each, whatever kind of file it came from.

A table (`*.toml`) holds many small cases of one kind, a script (`*.py`, `*.sh`, `*.js`) is one case: a skill
with the outcome it must have in a comment at its head, written as `# /// case` ... `# ///`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skillbox_core.sandbox.policy import is_gvisor

FOLDER = Path(__file__).parent / "cases"
LANGS = {".py": "python", ".js": "node", ".sh": "bash"}

INSIDE = "SKILLBOX_TEST_INSIDE"
"""A variable for the tests of the cases: set, only those with a sandbox run, each inside a prepared environment."""
_SANDBOXED = frozenset({"skill", "probe", "engine", "quota"})
"""Kinds that differ inside an environment."""

_OUTCOMES = ({"gives", "gives_exactly"}, {"status", "reason", "output", "says", "warns", "logs", "files"})
"""Keys that say together what must come of a case."""
_HEAD = re.compile(r"(?m)^(?P<mark>#|//) /// case\n(?P<body>(?:(?P=mark)(?: .*)?\n)+?)(?P=mark) ///$")


@dataclass(frozen=True)
class Case:
    """One hostile case.

    Attributes:
        id: `group/name`; what `-k` selects by.
        kind: How it is run; a function of `kinds.py`.
        promise: What must hold, in a sentence.
        spec: What to do and what must come of it; the keys belong to the kind (docs/hostile-suite.md).
        script: The skill's script, for kind skill and probe.
    """

    id: str
    kind: str
    promise: str
    spec: Mapping[str, Any]
    script: Path | None = None

    def words(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A key that holds one text or several."""
        value = self.spec.get(key, default)
        return (value,) if isinstance(value, str) else tuple(value)

    def under(self, runtime: str) -> Case:
        """The case as it is under an OCI runtime.

        gVisor answers with a kernel of its own. Where that makes another answer the right one, the key `gvisor` holds
        `why`, and the keys that are other there; with nothing but `why` there is nothing to be tried.
        """
        other = self.spec.get("gvisor")
        if other is None or not is_gvisor(runtime):
            return self
        changed = {key: value for key, value in other.items() if key != "why"}
        kept = {key: value for key, value in self.spec.items() if key not in ("gvisor", "needs")}
        for outcome in _OUTCOMES:
            if changed.keys() & outcome:
                kept = {key: value for key, value in kept.items() if key not in outcome}
        return replace(self, spec={**kept, **(changed or {"skip": other["why"]})})

    def inside(self) -> Case:
        """The case as it is inside a prepared environment: with the keys that its key `inside` has instead."""
        return replace(self, spec={**self.spec, **self.spec.get("inside", {})})


def load_cases(folder: Path = FOLDER) -> list[Case]:
    """All cases, in the order of their files; ids are unique."""
    cases = [case for path in sorted(folder.rglob("*")) for case in _read(path, folder)]
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise ValueError(f"two hostile cases are called {case.id}")
        seen.add(case.id)
    return cases


def select(cases: list[Case], words: str) -> list[Case]:
    """The cases whose id holds one of the comma-separated words; all for none."""
    wanted = [word for word in words.split(",") if word]
    return [case for case in cases if not wanted or any(word in case.id for word in wanted)]


@dataclass(frozen=True)
class How:
    """What every sandbox has beside its case.

    Attributes:
        inside: It is inside a prepared environment.
        waiting: It waited for its job.
    """

    inside: bool = False
    waiting: bool = False


def chosen(cases: list[Case], how: How) -> list[Case]:
    """The cases that this can make a difference to, as they are then; all where there is none."""
    if how.inside:
        return sandboxed(cases)
    return [case for case in cases if case.kind in _SANDBOXED] if how.waiting else cases


def sandboxed(cases: list[Case]) -> list[Case]:
    """The cases that have a sandbox, as they are inside an environment."""
    return [case.inside() for case in cases if case.kind in _SANDBOXED]


def _read(path: Path, folder: Path) -> Iterator[Case]:
    group = path.relative_to(folder).with_suffix("").as_posix()
    if path.suffix == ".toml":
        yield from _table(path, group)
    elif path.suffix in LANGS and (head := _HEAD.search(path.read_text("utf-8"))):
        lines = (line.removeprefix(head["mark"]).removeprefix(" ") for line in head["body"].splitlines())
        spec = tomllib.loads("\n".join(lines))
        yield Case(group, "skill", spec["promise"], spec, path)


def _table(path: Path, group: str) -> Iterator[Case]:
    table = tomllib.loads(path.read_text("utf-8"))
    kind = table.pop("kind")
    promise = table.pop("promise", None)
    script = table.pop("script", None)
    for name, spec in table.items():
        said = spec.get("promise") or promise.format(name=name)
        yield Case(f"{group}/{name}", kind, said, spec, path.parent / script if script else None)
