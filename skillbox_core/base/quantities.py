"""Quantities as people write them: to numbers the engine takes, and bytes back to text. Pure.

The grammar is the original's: CPU as a decimal number of cores, memory in bytes or with `Ki`, `Mi`, `Gi`, time as a
Go duration. White space around a value is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from skillbox_core.base.meant import cpu_meant, duration_meant, memory_meant
from skillbox_core.errors import InvalidRequestError

CPU_PERIOD_US = 100_000
MIN_CPU_QUOTA_US = 1_000

_INT64_MAX = 2**63 - 1
_MEMORY_UNITS = {"": 1, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
_DURATION_UNITS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),  # U+00B5
    "μs": Decimal("1e-6"),  # U+03BC
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_MAX_DURATION_S = Decimal(_INT64_MAX) / 1_000_000_000

_CPU = re.compile(r"(?=[.0-9])[0-9]{0,9}(?:\.[0-9]{0,9})?\Z", re.ASCII)
_MEMORY = re.compile(r"([0-9]{1,20})(Ki|Mi|Gi)?\Z", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]{0,20}(?:\.[0-9]{0,20})?)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_USER_IDS = re.compile(r"([1-9][0-9]{0,9})-([1-9][0-9]{0,9})\Z", re.ASCII)
_LAST_USER = 2**31 - 1
"""Engines take no id above it."""
_MAX_TEXT = 64


def _refused(
    field: str, value: str, rule: str, meant: Callable[[Any], str | None], parse: Callable[[str], object]
) -> InvalidRequestError:
    if len(value) > _MAX_TEXT:
        return InvalidRequestError(f"{field} {value[: _MAX_TEXT - 3] + '...'!a} is not valid: {rule}")
    guess = meant(value)
    # What is well written, and too much, is no other notation.
    hint = None if guess == value.strip() else _did_you_mean(guess, parse)
    return InvalidRequestError(f"{field} {value!a} is not valid: {rule}", hint=hint)


def _did_you_mean(guess: str | None, parse: Callable[[str], object]) -> str | None:
    """A hint with a guess, if that would be taken itself."""
    if guess is None:
        return None
    try:
        parse(guess)
    except InvalidRequestError:
        return None
    return f'did you mean "{guess}"?'


def check_limits(**limits: Any) -> None:
    """The limits of one run as somebody wrote them: `timeout`, `cpu`, `memory`; None for one that is not set.

    Raises:
        InvalidRequestError: One is no text or malformed; says what may be meant.
    """
    for field, value in limits.items():
        parse, meant = _LIMITS[field]
        if isinstance(value, str):
            parse(value, field)
        elif value is not None:
            raise InvalidRequestError(
                f"{field} is a {type(value).__name__}, not text", hint=_did_you_mean(meant(value), parse)
            )


def parse_cpu_limit(value: str, field: str = "cpu") -> int:
    """CPU cores as a quota.

    Args:
        value: A positive decimal number of cores, such as `0.5`; no sign, no exponent.
        field: The name used in the error.

    Returns:
        Microseconds of CPU time for each period of 100 ms, rounded to the nearest, at least 1000 (the kernel's
        minimum).

    Raises:
        InvalidRequestError: Empty, not a decimal number, zero, or too long to be meant.
    """
    rule = "a positive decimal number of cores, for example 0.5"
    text = value.strip()
    if not _CPU.match(text) or text == ".":
        raise _refused(field, value, rule, cpu_meant, parse_cpu_limit)
    cores = Decimal(text)
    if cores <= 0:
        raise _refused(field, value, rule, cpu_meant, parse_cpu_limit)
    quota = (cores * CPU_PERIOD_US).to_integral_value(ROUND_HALF_UP)
    return max(int(quota), MIN_CPU_QUOTA_US)


def parse_memory_limit(value: str, field: str = "memory") -> int:
    """Memory in bytes.

    Args:
        value: A positive whole number, of bytes or with the suffix `Ki`, `Mi` or `Gi`.
        field: The name used in the error.

    Returns:
        Bytes, below 2**63.

    Raises:
        InvalidRequestError: Anything else, an overflow included.
    """
    rule = "a positive whole number of bytes, or one with Ki, Mi or Gi, for example 256Mi"
    match = _MEMORY.match(value.strip())
    if not match:
        raise _refused(field, value, rule, memory_meant, parse_memory_limit)
    size = int(match[1]) * _MEMORY_UNITS[match[2] or ""]
    if not 0 < size <= _INT64_MAX:
        raise _refused(field, value, rule, memory_meant, parse_memory_limit)
    return size


def parse_user_ids(value: str, field: str = "user_ids") -> range:
    """The numbers of users in `FIRST-LAST`, both included; root is never among them.

    Raises:
        InvalidRequestError: Another form, or above what engines take.
    """
    match = _USER_IDS.match(value.strip())
    ids = range(int(match[1]), int(match[2]) + 1) if match else range(0)
    if not ids or ids[-1] > _LAST_USER:
        rule = f"two numbers of users, FIRST-LAST, from 1 to {_LAST_USER}, for example 100000-165535"
        raise InvalidRequestError(f"{field} {value[:_MAX_TEXT]!a} is not valid: {rule}")
    return ids


def parse_duration(value: str, field: str = "timeout") -> float:
    """A Go duration in seconds (https://pkg.go.dev/time#ParseDuration), positive.

    Args:
        value: Decimal numbers each with a unit, such as `60s`, `1h30m`, `1.5m`, `300ms`.
        field: The name used in the error.

    Returns:
        Seconds, greater than zero and less than 293 years.

    Raises:
        InvalidRequestError: Another form, a negative or zero duration, an overflow.
    """
    rule = "a positive duration with units, for example 60s, 1h30m or 1.5m"
    text = value.strip()
    if not text or len(text) > _MAX_TEXT:
        raise _refused(field, value, rule, duration_meant, parse_duration)
    total, rest = Decimal(0), text.removeprefix("+")
    while rest:
        match = _DURATION_PART.match(rest)
        if not match or match[1] in ("", "."):
            raise _refused(field, value, rule, duration_meant, parse_duration)
        total += Decimal(match[1]) * _DURATION_UNITS[match[2]]
        rest = rest[match.end() :]
    if not 0 < total <= _MAX_DURATION_S:
        raise _refused(field, value, rule, duration_meant, parse_duration)
    return float(total)


def format_bytes(size: int) -> str:
    """Bytes for a reader: the largest of Gi, Mi, Ki that divides evenly, else one decimal."""
    for unit in ("Gi", "Mi", "Ki"):
        if size >= _MEMORY_UNITS[unit]:
            whole, rest = divmod(size, _MEMORY_UNITS[unit])
            return f"{whole}{unit}" if not rest else f"{size / _MEMORY_UNITS[unit]:.1f}{unit}"
    return f"{size} bytes"


_LIMITS: dict[str, tuple[Callable[..., object], Callable[[Any], str | None]]] = {
    "timeout": (parse_duration, duration_meant),
    "cpu": (parse_cpu_limit, cpu_meant),
    "memory": (parse_memory_limit, memory_meant),
}
