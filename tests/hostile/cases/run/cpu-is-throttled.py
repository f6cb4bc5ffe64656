# /// case
# promise = "four processes that spin for a second get the share of CPU they were given, no more"
# status = "success"
# output = true
# gvisor = { why = "counts a process's time by a clock that goes on while the host throttles it; test_gvisor.py looks at the host" }
# options = { cpu = "0.25", timeout = "30s" }
# ///
import json, os, time

pids = []
for _ in range(4):
    pid = os.fork()
    if not pid:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            pass
        os._exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
used = os.times()
json.dump(used.children_user + used.children_system < 1.2, open("/sandbox/out/output.json", "w"))
