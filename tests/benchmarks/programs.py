"""Programs that are measured, as they are where they are installed."""

from __future__ import annotations

from collections.abc import Mapping


def environment_of(ours: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program: ours with some more, and never without bytecode. Pure.

    An installed program is compiled once. One that may not keep its bytecode compiles itself at each start: some 200 ms
    of `skillbox run`. The first turn, which does not count, writes it.
    """
    return {name: value for name, value in {**ours, **more}.items() if name != "PYTHONDONTWRITEBYTECODE"}
