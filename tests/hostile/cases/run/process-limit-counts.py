# /// case
# promise = "no more than the limit of processes live at once, PID 1 included"
# status = "success"
# output = true
# gvisor = { why = "has processes of its own; the host counts its threads and their memory, and ends it as a whole", status = "failed", reason = ["oom", "infrastructure"] }
# ///
import json, os, time

made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        made += 1
except OSError:
    pass
json.dump(100 < made < 128, open("/sandbox/out/output.json", "w"))
