"""The hardenings, as data: what to change in which file to switch one off, and which tests must notice."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Hardening:
    """One hardening.

    Attributes:
        group: The data file it stands in.
        name: What holds while it is on.
        file: Where, below the project's folder.
        changes: Pairs of text: what stands there exactly once, and what stands there when it is off.
        noticed: Hostile cases by their id, or test files below `tests/`, in the order in which they are tried.
    """

    group: str
    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    noticed: tuple[str, ...]

    @property
    def tests(self) -> list[str]:
        """What pytest is asked to run."""
        hostile = "tests/hostile/test_hostile.py::test_the_promise_holds"
        return [f"tests/{n}" if ".py" in n else f"{hostile}[{n}]" for n in self.noticed]


def noticed_by(hardenings: Iterable[Hardening], names: Collection[str]) -> list[Hardening]:
    """Those that one of these cases or files must notice, with no other."""
    only = [replace(h, noticed=tuple(name for name in h.noticed if name in names)) for h in hardenings]
    return [hardening for hardening in only if hardening.noticed]


def load() -> list[Hardening]:
    """All of them, file by file."""
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        table = tomllib.loads(path.read_text("utf-8"))
        default = table.pop("file")
        for name, row in table.items():
            also = row.get("also", [])
            changes = ((row["old"], row["new"]), *zip(also[::2], also[1::2], strict=True))
            found.append(Hardening(path.stem, name, row.get("file", default), changes, tuple(row["noticed"])))
    return found
