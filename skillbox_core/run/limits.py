"""The limits of one run: the caller's word, else the skill's, else the installation's. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from skillbox_core.base.quantities import format_bytes, parse_cpu_limit, parse_duration, parse_memory_limit
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import RunOptions
from skillbox_core.sandbox.policy import MIN_MEMORY
from skillbox_core.settings import Settings
from skillbox_core.skills.manifest import Manifest


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
