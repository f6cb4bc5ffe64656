"""The filter of system calls, from the form in `seccomp.json` to the one that engines take. Pure.

Rules of the engine's form compare an argument with a number, and a call that meets any of its rules is let through.
What that form can't say in one rule is `"notPid1": INDEX`: the argument is any process but the supervisor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_PID_BITS = 22
"""A process's number is below 2**22 (Linux, PID_MAX_LIMIT)."""


def expand(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The profile with every rule in the engine's form (OCI runtime specification, `linux.seccomp`)."""
    return {**profile, "syscalls": [rule for short in profile["syscalls"] for rule in _expanded(short)]}


def _expanded(rule: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "notPid1" not in rule:
        yield dict(rule)
        return
    index, rest = rule["notPid1"], {key: value for key, value in rule.items() if key != "notPid1"}
    # 0 is oneself, and every other number but 1 has a higher bit. The kernel reads the lower half of the register only,
    # so a comparison with the whole of it, such as "greater than 1", would let 2**32 + 1 through.
    bits = [(2**_PID_BITS - 1, 0), *((1 << bit, 1 << bit) for bit in range(1, _PID_BITS))]
    for mask, value in bits:
        not_1 = {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
        yield {**rest, "args": [*rest.get("args", ()), not_1]}
