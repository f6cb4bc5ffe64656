"""The system call filter, read as the kernel will: which calls pass, with which arguments, on which machine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from skillbox_core.sandbox.policy import seccomp_profile

PROFILE: dict[str, Any] = json.loads(seccomp_profile())
ALLOW, ERRNO, TRACE = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"
EPERM, ENOSYS = 1, 38

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG, AF_VSOCK = 1, 2, 10, 16, 17, 38, 40
STREAM, DGRAM, RAW, SEQPACKET, NONBLOCK, CLOEXEC = 1, 2, 3, 5, 0o4000, 0o2000000
CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD, CLONE_VFORK = 0x100, 0x200, 0x400, 0x800, 0x10000, 0x4000
SIGCHLD = 17


def verdict(name: str, *arguments: int) -> str | int:
    """`allowed`, or the error number that the call gets."""
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    for rule in PROFILE["syscalls"]:
        if name in rule["names"] and all(_matches(condition, padded) for condition in rule.get("args", ())):
            # Without a tracer, and `ptrace` is refused, the kernel says ENOSYS (seccomp(2)).
            return "allowed" if rule["action"] == ALLOW else {TRACE: ENOSYS}[rule["action"]]
    return int(PROFILE["defaultErrnoRet"])


def _matches(condition: dict[str, Any], arguments: tuple[int, ...]) -> bool:
    value = arguments[condition["index"]]
    if condition["op"] == "SCMP_CMP_EQ":
        return value == condition["value"]
    assert condition["op"] == "SCMP_CMP_MASKED_EQ"
    return value & condition["value"] == condition["valueTwo"]


def test_what_is_not_named_is_refused() -> None:
    assert (PROFILE["defaultAction"], PROFILE["defaultErrnoRet"]) == (ERRNO, EPERM)
    assert {rule["action"] for rule in PROFILE["syscalls"]} == {ALLOW, TRACE}


def test_no_error_but_the_default_is_asked_for() -> None:
    """gVisor's runsc of 2022 answers each call that it refuses with EPERM, whatever error number a rule names."""
    assert [rule["names"] for rule in PROFILE["syscalls"] if "errnoRet" in rule] == []


def test_nothing_inside_can_trace_and_let_a_call_pass() -> None:
    traced = [name for rule in PROFILE["syscalls"] if rule["action"] == TRACE for name in rule["names"]]
    assert traced == ["clone3"]
    assert {verdict(name) for name in ("ptrace", "process_vm_readv", "process_vm_writev")} == {EPERM}


def test_only_the_machines_own_calls_are_known() -> None:
    """A foreign ABI has other numbers; with none allowed, the kernel ends whoever uses one."""
    assert PROFILE["archMap"] == [
        {"architecture": arch, "subArchitectures": []} for arch in ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64")
    ]
    assert verdict("socketcall", 1) == EPERM, "its arguments lie in memory, where a filter can't see them"


@pytest.mark.parametrize(
    "group",
    [
        "add_key keyctl request_key",
        "bpf perf_event_open userfaultfd",
        "io_uring_setup io_uring_enter io_uring_register io_setup io_submit",
        "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd",
        "mount umount umount2 pivot_root chroot move_mount open_tree fsopen fsmount fsconfig fspick mount_setattr",
        "unshare setns",
        "init_module finit_module delete_module create_module kexec_load kexec_file_load",
        "reboot swapon swapoff acct quotactl quotactl_fd nfsservctl syslog lookup_dcookie vhangup uselib",
        "settimeofday clock_settime clock_adjtime adjtimex stime sethostname setdomainname",
        "iopl ioperm modify_ldt vm86 vm86old",
        "name_to_handle_at open_by_handle_at fanotify_init fanotify_mark",
        "mbind set_mempolicy migrate_pages move_pages",
    ],
)
def test_what_reaches_beyond_the_sandbox_is_refused(group: str) -> None:
    assert {name: verdict(name) for name in group.split()} == dict.fromkeys(group.split(), EPERM)


@pytest.mark.parametrize("protocol", [0, 6])
@pytest.mark.parametrize("flags", [0, NONBLOCK | CLOEXEC])
@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_tcp_on_loopback_is_allowed(family: int, flags: int, protocol: int) -> None:
    assert verdict("socket", family, STREAM | flags, protocol) == "allowed"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((AF_UNIX, STREAM, 0), "allowed"),
        ((AF_UNIX, SEQPACKET | CLOEXEC, 0), "allowed"),
        ((AF_INET, DGRAM | CLOEXEC, 17), "allowed"),
        ((AF_INET6, DGRAM, 0), "allowed"),
        ((AF_NETLINK, RAW | CLOEXEC, 0), "allowed"),
        ((AF_NETLINK, RAW, 9), EPERM),
        ((AF_INET, RAW, 1), EPERM),
        ((AF_INET, DGRAM, 1), EPERM),
        ((AF_INET, STREAM, 132), EPERM),
        ((AF_INET, STREAM, 262), EPERM),
        ((AF_INET, SEQPACKET, 132), EPERM),
        ((AF_INET6, RAW, 58), EPERM),
        ((AF_ALG, SEQPACKET, 0), EPERM),
        ((AF_VSOCK, STREAM, 0), EPERM),
        ((AF_PACKET, RAW, 3), EPERM),
        # The kernel looks at 32 bits of what the filter sees as 64.
        ((AF_ALG | 1 << 32, SEQPACKET, 0), EPERM),
        ((AF_INET | 1 << 32, STREAM, 0), EPERM),
    ],
)  # fmt: skip
def test_a_socket_is_for_this_sandbox_only(arguments: tuple[int, ...], expected: str | int) -> None:
    assert verdict("socket", *arguments) == expected


def test_no_other_family_of_sockets_is_allowed() -> None:
    passing = {
        family
        for family in range(64)
        for kind in range(16)
        for protocol in (0, 1, 6, 17, 58, 132, 136, 255, 262)
        if verdict("socket", family, kind, protocol) == "allowed"
    }
    assert passing == {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}
    assert [family for family in range(64) if verdict("socketpair", family) == "allowed"] == [AF_UNIX]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (SIGCHLD, "allowed"),
        (CLONE_VM | CLONE_VFORK | SIGCHLD, "allowed"),
        (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | 0x3D0000, "allowed"),
        *((SIGCHLD | flag, EPERM)
          for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)),
    ],
)  # fmt: skip
def test_a_new_process_gets_no_new_namespace(flags: int, expected: str | int) -> None:
    assert verdict("clone", flags) == expected
    assert verdict("clone3") == ENOSYS, "libc then falls back to clone"


def test_address_randomisation_stays_on() -> None:
    assert [verdict("personality", value) for value in (0, 8, 0xFFFFFFFF)] == ["allowed"] * 3
    assert [verdict("personality", value) for value in (0x40000, 0x0040008, 0x100000)] == [EPERM] * 3


@pytest.mark.parametrize(
    ("name", "before"),
    [
        *((name, ()) for name in ("prlimit64", "sched_setattr", "sched_setparam", "sched_setscheduler")),
        ("setpriority", (0,)),
        ("ioprio_set", (1,)),
    ],
)
def test_limits_and_priorities_are_set_of_oneself_only(name: str, before: tuple[int, ...]) -> None:
    assert verdict(name, *before, 0) == "allowed"
    # Of the register the kernel reads the lower half.
    others = [1, 2, 2**22 - 1, *((high << 32) + 1 for high in (1, 2, 2**31, 2**32 - 1))]
    assert {verdict(name, *before, pid) for pid in others} == {EPERM}


def test_groups_and_users_are_no_processes() -> None:
    for name, kinds in (("setpriority", (1, 2, 2**32 + 1)), ("ioprio_set", (2, 3, 2**32 + 2))):
        assert {verdict(name, kind, who) for kind in kinds for who in (0, 1, 2, 70_000)} == {EPERM}
