# /// case
# promise = "a fork bomb stops at the process limit, and its output is still collected"
# status = "failed"
# reason = ["pids", "oom"]
# logs = "temporarily unavailable"
# gvisor = { why = "has processes of its own; the host counts its threads and their memory, and ends it as a whole", status = "failed", reason = ["oom", "infrastructure"] }
# ///
import os

try:
    while True:
        os.fork()
except OSError as error:
    print(error)
    raise SystemExit(5)
