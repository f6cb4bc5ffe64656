# /// case
# promise = "the supervisor can't be put behind what the skill leaves running"
# status = "success"
# output = [1, 1, 1, 1, 1, 1]
# within = 20.0
# ///
import ctypes, json, os

libc = ctypes.CDLL(None, use_errno=True)


def refused(act, *arguments):
    try:
        act(*arguments)
    except PermissionError:
        return 1
    return 0


def ioprio(kind, who):
    if libc.syscall(251, kind, who, 3 << 13) == -1:
        raise OSError(ctypes.get_errno(), "")


said = [
    refused(os.sched_setscheduler, 1, os.SCHED_IDLE, os.sched_param(0)),
    refused(os.setpriority, os.PRIO_PROCESS, 1, 19),
    refused(os.setpriority, os.PRIO_PGRP, 0, 19),
    refused(os.setpriority, os.PRIO_USER, os.getuid(), 19),
    refused(ioprio, 1, 1),
    refused(ioprio, 3, os.getuid()),
]
os.sched_setaffinity(1, {min(os.sched_getaffinity(0))})
json.dump(said, open("/sandbox/out/output.json", "w"))
for _ in range(20):
    if os.fork() == 0:
        while True:
            pass
