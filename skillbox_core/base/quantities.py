"""Resource limits: from what a skill, a caller and the installation say to numbers the engine takes.

Everything here is pure. The grammar is the original's: CPU as a decimal number of cores, memory in
bytes or with `Ki`, `Mi`, `Gi`, time as a Go duration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from skillbox_core.errors import InvalidRequestError

if TYPE_CHECKING:
    from skillbox_core.models import RunOptions
    from skillbox_core.settings import Settings
    from skillbox_core.skills.manifest import Manifest

CPU_PERIOD_US = 100_000
MIN_CPU_QUOTA_US = 1_000
MIN_MEMORY = 16 * 1024**2
"""Under this, PID 1 and an interpreter's start no longer fit."""

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
_MAX_TEXT = 64


def _refused(field: str, value: str, rule: str) -> InvalidRequestError:
    shown = value if len(value) <= _MAX_TEXT else value[: _MAX_TEXT - 3] + "..."
    return InvalidRequestError(f"{field} {shown!a} is not valid: {rule}")


def parse_cpu_limit(value: str, field: str = "cpu") -> int:
    """CPU cores as a quota.

    Args:
        value: A positive decimal number of cores, such as `0.5`; no sign, no exponent.
        field: The name used in the error.

    Returns:
        Microseconds of CPU time for each period of 100 ms, at least 1000 (the kernel's minimum).

    Raises:
        InvalidRequestError: Empty, not a decimal number, zero, or too long to be meant.
    """
    rule = "a positive decimal number of cores, for example 0.5"
    if not _CPU.match(value) or value == ".":
        raise _refused(field, value, rule)
    cores = Decimal(value)
    if cores <= 0:
        raise _refused(field, value, rule)
    return max(int(cores * CPU_PERIOD_US), MIN_CPU_QUOTA_US)


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
    match = _MEMORY.match(value)
    if not match:
        raise _refused(field, value, rule)
    size = int(match[1]) * _MEMORY_UNITS[match[2] or ""]
    if not 0 < size <= _INT64_MAX:
        raise _refused(field, value, rule)
    return size


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
    if not value or len(value) > _MAX_TEXT:
        raise _refused(field, value, rule)
    total, rest = Decimal(0), value.removeprefix("+")
    while rest:
        match = _DURATION_PART.match(rest)
        if not match or match[1] in ("", "."):
            raise _refused(field, value, rule)
        total += Decimal(match[1]) * _DURATION_UNITS[match[2]]
        rest = rest[match.end() :]
    if not 0 < total <= _MAX_DURATION_S:
        raise _refused(field, value, rule)
    return float(total)


def format_bytes(size: int) -> str:
    """Bytes for a reader: the largest of Gi, Mi, Ki that divides evenly, else one decimal."""
    for unit in ("Gi", "Mi", "Ki"):
        if size >= _MEMORY_UNITS[unit]:
            whole, rest = divmod(size, _MEMORY_UNITS[unit])
            return f"{whole}{unit}" if not rest else f"{size / _MEMORY_UNITS[unit]:.1f}{unit}"
    return f"{size} bytes"


@dataclass(frozen=True)
class Limits:
    """What one run may use.

    Attributes:
        timeout: Seconds from the skill's start to its end.
        cpu_quota: Microseconds of CPU for each 100 ms.
        memory: Bytes for the skill's processes.
        scratch: Bytes for `/sandbox`: the skill itself, its input and its output.
    """

    timeout: float
    cpu_quota: int
    memory: int
    scratch: int


def _first(*words: str | None) -> str:
    """The first that was said. An empty word was said, and is refused where it is parsed."""
    return next(word for word in words if word is not None)


def resolve_limits(settings: Settings, manifest: Manifest, options: RunOptions) -> Limits:
    """The limits of a run: the caller's word, else the skill's, else the installation's default.

    Raises:
        InvalidRequestError: A value is malformed, or over the installation's maximum.
    """
    cores = {"cpu": settings.max_cpu}
    sizes = {"memory": settings.max_memory, "scratch": settings.max_scratch}

    def over(field: str, value: str, maximum: str) -> InvalidRequestError:
        return InvalidRequestError(
            f'{field} "{value}" is over this installation\'s limit of {maximum}',
            hint=f"ask for less, or raise SKILLBOX_MAX_{field.upper()}",
        )

    def size(field: str, value: str) -> int:
        parsed = parse_memory_limit(value, field)
        if parsed > parse_memory_limit(sizes[field], f"max_{field}"):
            raise over(field, value, sizes[field])
        return parsed

    timeout_text = _first(options.timeout, manifest.timeout, settings.default_timeout)
    timeout = parse_duration(timeout_text)
    if timeout > parse_duration(settings.max_timeout, "max_timeout"):
        raise over("timeout", timeout_text, settings.max_timeout)

    cpu_text = _first(options.cpu, manifest.resources.cpu, settings.default_cpu)
    cpu_quota = parse_cpu_limit(cpu_text)
    if cpu_quota > parse_cpu_limit(cores["cpu"], "max_cpu"):
        raise over("cpu", cpu_text, cores["cpu"])

    memory_text = _first(options.memory, manifest.resources.memory, settings.default_memory)
    memory = size("memory", memory_text)
    if memory < MIN_MEMORY:
        raise InvalidRequestError(
            f'memory "{memory_text}" is under the smallest that can work, {format_bytes(MIN_MEMORY)}'
        )
    scratch = size("scratch", _first(manifest.resources.scratch, settings.default_scratch))
    return Limits(timeout, cpu_quota, memory, scratch)
