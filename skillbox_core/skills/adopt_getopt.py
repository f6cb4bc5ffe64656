"""Options as getopt has them: a text such as `n:v`, and words such as `name=`. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from skillbox_core.skills.adopt_nodes import literal
from skillbox_core.skills.adopt_reading import Argument
from skillbox_core.skills.adopt_uses import decide

_SHORT = re.compile(r"([A-Za-z0-9])(:{0,2})")
_LONG = re.compile(r"([A-Za-z0-9][\w-]*)(=?)")


def options(short: str, long: Sequence[str] = ()) -> tuple[Argument, ...]:
    """The options, none of which getopt requires."""
    return tuple(_options(short, long))


def called_options(call: ast.Call) -> tuple[Argument, ...] | None:
    """Those that a call of Python's getopt reads; None where they are not written down in it."""
    given = [*map(literal, call.args[1:]), *(literal(one.value) for one in call.keywords if one.arg == "longopts")]
    short, long = (*given, [])[:2] if given else (None, None)
    if not isinstance(short, str) or not isinstance(long, list | tuple):
        return None
    return options(short, [one for one in long if isinstance(one, str)])


def _options(short: str, long: Sequence[str]) -> Iterator[Argument]:
    for name, value in _SHORT.findall(short):
        # Two colons are a value that may lack, which no reader takes from an argument of its own.
        yield _option(name, f"-{name}", switch=value != ":")
    for found in filter(None, map(_LONG.fullmatch, long)):
        yield _option(found[1], f"--{found[1]}", switch=not found[2])


def _option(name: str, flag: str, *, switch: bool) -> Argument:
    return decide(Argument(name.replace("-", "_"), flag, required=False, switch=switch), set())
