# /// case
# promise = "a skill still sets limits and priorities of its own by the number 0"
# status = "success"
# output = [5, 7, 10, 0]
# gvisor = { why = "has one scheduling policy, and refuses another to everybody", status = "failed", reason = "exit", says = "Invalid argument" }
# ///
import json, os, resource, threading

resource.prlimit(0, resource.RLIMIT_CORE, (0, 0))
resource.prlimit(0, resource.RLIMIT_NPROC, (5, 5))
resource.setrlimit(resource.RLIMIT_STACK, (7 << 20, 7 << 20))
os.setpriority(os.PRIO_PROCESS, 0, 10)
os.sched_setaffinity(threading.get_native_id(), os.sched_getaffinity(0))
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
json.dump(
    [
        resource.getrlimit(resource.RLIMIT_NPROC)[0],
        resource.getrlimit(resource.RLIMIT_STACK)[0] >> 20,
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getscheduler(0),
    ],
    open("/sandbox/out/output.json", "w"),
)
