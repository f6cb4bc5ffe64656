"""What a canary saw in its sandbox, and what that means on a kernel of the host's or of the runtime's own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skillbox_core.operations.engine_checks import Check
from skillbox_core.sandbox.policy import is_gvisor

NO_NEW_PRIVILEGES = "no new privileges"
FILTERED = "system calls filtered"

_UNREPORTED = frozenset({NO_NEW_PRIVILEGES})
"""What a kernel other than Linux may leave out of `/proc/self/status`. To gVisor's, no program ever gives privileges
(`PR_GET_NO_NEW_PRIVS` is always 1), and it may not say so. Everything else must be shown whatever the kernel is."""


@dataclass(frozen=True)
class Findings:
    """What a canary saw.

    Attributes:
        kernel: Version of the kernel that it ran on; empty where it could not be read.
        walls: Whether each stands; None where that kernel does not report it.
        usage: Whether the sandbox reported what the run used.
    """

    kernel: str
    walls: Mapping[str, bool | None]
    usage: bool = True


def sandbox_check(findings: Findings, host_kernel: str, runtime: str, seconds: float) -> Check:
    """Judges what the canary saw.

    Args:
        host_kernel: The kernel's version by the engine's own account; empty where it does not say.
        runtime: The OCI runtime that the installation asks for; empty for the engine's default.
        seconds: How long the canary took.
    """
    own_kernel = bool(findings.kernel and host_kernel) and findings.kernel != host_kernel
    unreported = [name for name, held in findings.walls.items() if held is None and own_kernel and name in _UNREPORTED]
    broken = [name for name, held in findings.walls.items() if not held and name not in unreported]
    if broken or not findings.walls:
        found = f"not confined: {', '.join(broken)}" if broken else "the canary said nothing"
        advice = "do not run strangers' skills on this engine"
        if own_kernel and FILTERED in broken:
            advice = (
                "the runtime does not load the filter of system calls: gVisor needs `--oci-seccomp` among its "
                "runtimeArgs in the engine's daemon.json (SECURITY.md)"
            )
        return Check("sandbox", "FAIL", found, advice)
    if is_gvisor(runtime) and not own_kernel:
        kernel = findings.kernel or "version unknown"
        found = f"{runtime} should have a kernel of its own, and a sandbox runs on the host's ({kernel})"
        return Check("sandbox", "FAIL", found, "look at the runtime's path in the engine's configuration")
    standing = len(findings.walls) - len(unreported)
    said = f"a canary found {standing} of {standing} walls standing ({seconds:.2f} s)"
    notes = [
        *([f"on a kernel of its own, {findings.kernel}"] if own_kernel else []),
        *([f"which does not report: {', '.join(unreported)}"] if unreported else []),
        *(["what a run uses is not reported"] if not findings.usage else []),
    ]
    return Check("sandbox", "OK", "; ".join([said, *notes]))
