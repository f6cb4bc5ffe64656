"""Options as getopt has them: a text such as `n:v`, and words such as `name=`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from skillbox_core.skills.adopt_reading import Argument
from skillbox_core.skills.adopt_uses import decide

_SHORT = re.compile(r"([A-Za-z0-9])(:{0,2})")
_LONG = re.compile(r"([A-Za-z0-9][\w-]*)(=?)")


def options(short: str, long: Sequence[str] = ()) -> tuple[Argument, ...]:
    """The options, none of which getopt requires."""
    return tuple(_options(short, long))


def _options(short: str, long: Sequence[str]) -> Iterator[Argument]:
    for name, value in _SHORT.findall(short):
        # Two colons are a value that may lack, which no reader takes from an argument of its own.
        yield _option(name, f"-{name}", switch=value != ":")
    for found in filter(None, map(_LONG.fullmatch, long)):
        yield _option(found[1], f"--{found[1]}", switch=not found[2])


def _option(name: str, flag: str, *, switch: bool) -> Argument:
    return decide(Argument(name.replace("-", "_"), flag, required=False, switch=switch), set())
