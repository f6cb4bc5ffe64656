"""How much longer large files may take than the limits of time say, which are good for 1 GiB."""

from __future__ import annotations

LARGE = 1024**3
SLOWEST = 16 * 1024 * 1024
"""Bytes a second that an engine's stream, or a store in the same network, makes at least."""


def more_time(size: int) -> float:
    """Seconds beyond the usual limit for so many bytes. Pure."""
    return max(size - LARGE, 0) / SLOWEST
