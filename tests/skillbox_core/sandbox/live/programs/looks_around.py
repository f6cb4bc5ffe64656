"""Runs inside a sandbox: looks at each wall. Its input names the paths that must be masked or read-only."""

import ctypes
import errno
import json
import os
import pathlib
import resource
import socket

libc = ctypes.CDLL(None, use_errno=True)
paths = json.loads(pathlib.Path("/sandbox/input.json").read_text())

CALLS_OF_X86_64 = {
    "ptrace": 101,
    "mount": 165,
    "chroot": 161,
    "unshare": 272,
    "setns": 308,
    "bpf": 321,
    "perf_event_open": 298,
    "userfaultfd": 323,
    "keyctl": 250,
    "io_uring_setup": 425,
    "process_vm_readv": 310,
    "init_module": 175,
    "pivot_root": 155,
    "reboot": 169,
    "clone3": 435,
}


def read(path):
    return pathlib.Path(path).read_text()


def fate(number):
    if libc.syscall(number, 0, 0, 0, 0, 0) != -1:
        return "allowed"
    return errno.errorcode.get(ctypes.get_errno(), "?")


def refused(action, *arguments):
    try:
        action(*arguments)
    except OSError:
        return True
    return False


def gives_away(path):
    """Whether there is a file with contents, or a folder with entries."""
    try:
        return bool(os.listdir(path) if os.path.isdir(path) else pathlib.Path(path).open("rb").read(1))
    except OSError:
        return False


def writable_places():
    found = []
    for top, folders, files in os.walk("/"):
        if top in ("/proc", "/sys"):
            folders.clear()
            continue
        places = (os.path.join(top, name) for name in folders + files)
        found += [place for place in places if not os.path.islink(place) and os.access(place, os.W_OK)]
    return sorted(place for place in found if not place.startswith(("/sandbox/", "/tmp/", "/dev/shm/")))


def size(place):
    return os.statvfs(place).f_blocks * os.statvfs(place).f_frsize


status = dict(line.split(":", 1) for line in read("/proc/self/status").splitlines())
mounts = {line.split()[1]: line.split()[3] for line in read("/proc/mounts").splitlines()}
x86 = os.uname().machine == "x86_64"

found = {
    "uid": [os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups()],
    "caps": [status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "nnp": status["NoNewPrivs"].strip(),
    "seccomp": status["Seccomp"].strip(),
    "writable": writable_places(),
    "routes": read("/proc/net/route").count("\n") - 1,
    "interfaces": sorted(os.listdir("/sys/class/net")),
    "pid 1": [read("/proc/1/comm").strip(), os.readlink("/proc/1/fd/0")],
    "root": mounts["/"].split(",")[0],
    "sandbox": mounts["/sandbox"],
    "tmp": mounts["/tmp"],
    "sizes": {place: size(place) for place in ("/sandbox", "/tmp", "/dev/shm")},
    "inodes": {place: os.statvfs(place).f_files for place in ("/sandbox", "/tmp")},
    "limits": {
        name: resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))
        for name in ("core", "nofile", "fsize", "msgqueue", "memlock")
    },
    "oom": int(read("/proc/self/oom_score_adj")),
    "cgroups": sorted({line.split(":", 2)[2] for line in read("/proc/self/cgroup").splitlines()}),
    "namespaces": {
        name: os.readlink(f"/proc/self/ns/{name}") for name in ("cgroup", "ipc", "net", "pid", "mnt", "uts")
    },
    "readable": [path for path in paths["masked"] if gives_away(path)],
    "changeable": [p for p in paths["read-only"] if os.path.exists(p) and not os.statvfs(p).f_flag & os.ST_RDONLY],
    "sysctl": refused(open, "/proc/sys/kernel/core_pattern", "w"),
    "sysrq": refused(open, "/proc/sysrq-trigger", "w"),
    "setuid": refused(os.setuid, 0),
    "raw": refused(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1),
    "packet": refused(socket.socket, socket.AF_PACKET, socket.SOCK_RAW),
    "alg": refused(socket.socket, 38, socket.SOCK_SEQPACKET),
    "vsock": refused(socket.socket, 40, socket.SOCK_STREAM),
    "calls": {name: fate(number) for name, number in CALLS_OF_X86_64.items()} if x86 else {},
    "docker": os.path.exists("/var/run/docker.sock"),
}
pathlib.Path("/sandbox/out/output.json").write_text(json.dumps(found))
