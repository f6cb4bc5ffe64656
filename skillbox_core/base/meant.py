"""What somebody meant who mistyped a name or wrote a quantity in another notation. Pure; guesses, for hints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

_NUMBER = r"([0-9]{1,12}(?:[.,][0-9]{1,9})?)"
_MEMORY = re.compile(rf"{_NUMBER}\s*([kmgt])(?:i?b|ibibytes?|i)?\Z|{_NUMBER}\s*(kilo|mega|giga)(?:bytes?)\Z", re.I)
_CPU = re.compile(rf"{_NUMBER}\s*(m|%|cpus?|cores?|vcpus?)?\Z", re.I)
_PART = re.compile(rf"{_NUMBER}\s*([a-zµμ]*)[\s,]*(?:and\s+)?", re.I)
_WORDS = {"quarter": "0.25", "half": "0.5", "one": "1", "two": "2", "three": "3", "four": "4"}
_CORES = {"m": Decimal("0.001"), "%": Decimal("0.01")}
_UNITS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}
_SMALLER = {"Gi": "Mi", "Mi": "Ki", "Ki": ""}
_MAX_NAME = 80
"""Characters of a mistyped name that are compared: the time for it grows with their square."""


def name_meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like one that is not; None where none is much like it."""
    found = get_close_matches(name[:_MAX_NAME], list(known), n=1)
    return found[0] if found else None


def memory_meant(value: Any) -> str | None:
    """`1Gi` for `1GB`, `512Mi` for `512 mb`; None where nothing can be guessed."""
    match = _MEMORY.match(str(value).strip())
    if match is None:
        return None
    number, unit = Decimal((match[1] or match[3]).replace(",", ".")), (match[2] or match[4])[0].upper() + "i"
    if unit == "Ti":
        number, unit = number * 1024, "Gi"
    while number % 1 and unit:
        number, unit = number * 1024, _SMALLER[unit]
    return f"{int(number)}{unit}" if number >= 1 else None


def cpu_meant(value: Any) -> str | None:
    """`0.5` for `half`, `500m`, `50%`, `0,5` and the number; None where nothing can be guessed."""
    text = " ".join(str(value).lower().split()).removesuffix(" a core").removesuffix(" core").removesuffix(" cores")
    if text in _WORDS:
        return _WORDS[text]
    match = _CPU.match(text)
    if match is None:
        return None
    cores = Decimal(match[1].replace(",", ".")) * _CORES.get(match[2] or "", 1)
    return f"{cores.normalize():f}" if cores > 0 else None


def duration_meant(value: Any) -> str | None:
    """`5m` for `5 min`, `90s` for the number; None where nothing can be guessed."""
    text, meant = str(value).strip().lower(), ""
    while text:
        match = _PART.match(text)
        if match is None or match[2] not in _UNITS:
            return None
        number, unit = match[1].replace(",", "."), _UNITS[match[2]]
        meant += f"{Decimal(number) * 24:f}h" if unit == "d" else f"{number}{unit}"
        text = text[match.end() :]
    return meant if re.search("[1-9]", meant) else None
