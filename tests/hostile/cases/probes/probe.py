"""Looks at a sandbox from inside: each row's code runs in a process of its own, and what it gave is reported."""

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import stat
import subprocess
import sys

NUMBERS = {
    "x86_64": dict(
        clone=56, ptrace=101, syslog=103, setuid=105, setgid=106, setgroups=116, setresuid=117, setresgid=119,
        setfsuid=122, capset=126, mknod=133, uselib=134, personality=135, ustat=136, sysfs=139, vhangup=153,
        modify_ldt=154, pivot_root=155, _sysctl=156, adjtimex=159, chroot=161, acct=163, settimeofday=164, mount=165,
        umount2=166, swapon=167, swapoff=168, reboot=169, sethostname=170, setdomainname=171, iopl=172, ioperm=173,
        create_module=174, init_module=175, delete_module=176, get_kernel_syms=177, query_module=178, quotactl=179,
        nfsservctl=180, io_setup=206, lookup_dcookie=212, remap_file_pages=216, clock_settime=227, mbind=237,
        set_mempolicy=238, kexec_load=246, add_key=248, request_key=249, keyctl=250, migrate_pages=256, unshare=272,
        move_pages=279, perf_event_open=298, fanotify_init=300, fanotify_mark=301, name_to_handle_at=303,
        open_by_handle_at=304, clock_adjtime=305, setns=308, process_vm_readv=310, process_vm_writev=311, kcmp=312,
        finit_module=313, kexec_file_load=320, bpf=321, userfaultfd=323, io_uring_setup=425, io_uring_enter=426,
        io_uring_register=427, open_tree=428, move_mount=429, fsopen=430, fsconfig=431, fsmount=432, fspick=433,
        clone3=435, pidfd_getfd=438, mount_setattr=442, quotactl_fd=443, memfd_secret=447, statmount=457, listmount=458,
        lsm_get_self_attr=459, lsm_set_self_attr=460,
    ),
    "aarch64": dict(
        io_setup=0, umount2=39, mount=40, pivot_root=41, nfsservctl=42, chroot=51, vhangup=58, quotactl=60, acct=89,
        capset=91, personality=92, unshare=97, kexec_load=104, init_module=105, delete_module=106, clock_settime=112,
        syslog=116, ptrace=117, reboot=142, setgid=144, setuid=146, setresuid=147, setresgid=149, setfsuid=151,
        setgroups=159, sethostname=161, setdomainname=162, settimeofday=170, adjtimex=171, add_key=217, request_key=218,
        keyctl=219, clone=220, swapon=224, swapoff=225, mbind=235, set_mempolicy=237, migrate_pages=238, move_pages=239,
        perf_event_open=241, fanotify_init=262, fanotify_mark=263, name_to_handle_at=264, open_by_handle_at=265,
        clock_adjtime=266, setns=268, process_vm_readv=270, process_vm_writev=271, kcmp=272, finit_module=273, bpf=280,
        userfaultfd=282, kexec_file_load=294, io_uring_setup=425, io_uring_enter=426, io_uring_register=427,
        open_tree=428, move_mount=429, fsopen=430, fsconfig=431, fsmount=432, fspick=433, clone3=435, pidfd_getfd=438,
        mount_setattr=442, quotactl_fd=443, memfd_secret=447, statmount=457, listmount=458, lsm_get_self_attr=459,
        lsm_set_self_attr=460, lookup_dcookie=18, remap_file_pages=234,
    ),
}  # fmt: skip

MACHINE = os.uname().machine
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long


def skip(why):
    raise LookupError(why)


def call(name, *args):
    """One system call by its own number: the error's name, or what it returned."""
    numbers = NUMBERS.get(MACHINE) or skip(f"no system call numbers are known for {MACHINE}")
    if name not in numbers:
        skip(f"{name} does not exist on {MACHINE}")
    given = [ctypes.c_char_p(a) if isinstance(a, bytes) else a if isinstance(a, ctypes.Array) else ctypes.c_long(a) for a in args]
    got = LIBC.syscall(ctypes.c_long(numbers[name]), *given)
    if got == -1:
        return errno.errorcode[ctypes.get_errno()]
    if name in ("clone", "clone3") and got == 0:
        os._exit(0)
    return got


def victim():
    """Another process to be attacked; it sleeps until its alarm."""
    pid = os.fork()
    if not pid:
        os.closerange(3, 1024)
        signal.alarm(20)
        signal.pause()
    return pid


def room(size, data=b""):
    return ctypes.create_string_buffer(data, size)


def sock(family, kind=socket.SOCK_RAW, protocol=0):
    """Makes a socket and closes it again; it is never bound or connected."""
    socket.socket(family, kind, protocol).close()
    return "made"


def machine_code(code):
    """Runs raw instructions and gives what they leave in the result register."""
    if MACHINE != "x86_64":
        skip("the instructions of this probe are x86_64's")
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes.fromhex(code))
    return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def status(key):
    return dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines())[key].strip()


def mounts():
    """Mount point -> (type, options of the mount and of its file system)."""
    found = {}
    for line in open("/proc/self/mountinfo"):
        left, right = line.split(" - ")
        found[left.split()[4]] = (right.split()[0], set(left.split()[5].split(",")) | set(right.split()[2].split(",")))
    return found


def mount_of(path):
    return max((p for p in mounts() if path == p or path.startswith(p.rstrip("/") + "/")), key=len)


def hidden(path):
    """Whether a path shows nothing: not there, empty, or not to be opened."""
    try:
        if os.path.isdir(path):
            return not os.listdir(path)
        with open(path, "rb") as file:
            return not file.read(64)
    except OSError:
        return True


def writes(path, data="x"):
    with open(path, "w") as file:
        file.write(data)
    return "written"


def writable(*without):
    """Everything below / that this process may write to, without what lies in its own scratch areas."""
    found = []
    for top, folders, files in os.walk("/"):
        if top in ("/proc", "/sys", *without):
            folders.clear()
            continue
        for name in folders + files:
            path = os.path.join(top, name)
            if not os.path.islink(path) and os.access(path, os.W_OK):
                found.append(path)
    return sorted(found)


def files_of_kind(test):
    found = []
    for top, folders, files in os.walk("/"):
        if top in ("/proc", "/sys"):
            folders.clear()
            continue
        found += [p for p in (os.path.join(top, n) for n in files) if os.path.lexists(p) and test(os.lstat(p).st_mode)]
    return sorted(found)


def executes(path):
    """Whether a program copied there can be started."""
    with open("/bin/true", "rb") as source, open(path, "wb") as target:
        target.write(source.read())
    os.chmod(path, 0o755)
    return subprocess.run([path]).returncode


def program(*command):
    """What a program printed in a second, without its last newline."""
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=1)
    except subprocess.TimeoutExpired as still_running:
        done = still_running
    return (done.stdout or b"").decode(errors="replace").strip()


def run(code):
    """One row in a process of its own."""
    end, start = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(20)
        try:
            try:
                got = eval(compile(code, "row", "eval"), globals())
            except SyntaxError:
                place = dict(globals())
                exec(compile(code, "row", "exec"), place)
                got = place["result"]
        except OSError as error:
            got = errno.errorcode.get(error.errno, str(error.errno))
        except LookupError as why:
            got = {"skip": str(why.args[0])}
        except BaseException as error:
            got = f"{type(error).__name__}: {error}"
        os.write(start, json.dumps(got).encode())
        os._exit(0)
    os.close(start)
    with os.fdopen(end, "rb") as pipe:
        said = pipe.read()
    _, ended = os.waitpid(child, 0)
    return json.loads(said) if said else f"signal {os.WTERMSIG(ended)}"


json.dump({name: run(code) for name, code in json.load(open("/sandbox/input.json")).items()},
          open("/sandbox/out/output.json", "w"))  # fmt: skip
