# /// case
# promise = "memory is counted for all processes together"
# status = "failed"
# reason = "oom"
# needs = "memory accounting"
# ///
import os, time

pids = []
for _ in range(12):
    pid = os.fork()
    if not pid:
        data = bytearray(80 << 20)
        time.sleep(3)
        os._exit(0)
    pids.append(pid)
raise SystemExit(any(os.waitpid(pid, 0)[1] for pid in pids))
