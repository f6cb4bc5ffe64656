"""Where an execution stands, and why it failed: words that records, results and exit codes share."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where an execution stands. The values are a stable contract."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why an execution ended as `failed`. The values are a stable contract."""

    EXIT = "exit"
    """The skill ended with a non-zero exit code."""
    OOM = "oom"
    """The kernel killed the skill, or a part of it, for memory."""
    DISK = "disk"
    """The skill filled its scratch area."""
    PIDS = "pids"
    """The skill ran into the limit of processes and threads."""
    OUTPUT = "output"
    """What the skill left behind is missing, malformed or over a limit."""
    POLICY = "policy"
    """The installation refuses this image or this request."""
    INPUT = "input"
    """The request or the skill itself is wrong."""
    INFRASTRUCTURE = "infrastructure"
    """The engine, the storage or the database failed; the skill is not to blame."""


class Category(StrEnum):
    """What kind of thing a diagnosis is about. The values are a stable contract; those of `Reason` are among them."""

    EXIT = "exit"
    NETWORK = "network"
    """A skill failed, and says that it could not reach the network."""
    OOM = "oom"
    DISK = "disk"
    PIDS = "pids"
    OUTPUT = "output"
    POLICY = "policy"
    INPUT = "input"
    INFRASTRUCTURE = "infrastructure"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
