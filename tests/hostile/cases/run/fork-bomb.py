# /// case
# promise = "a fork bomb stops at the process limit, and its output is still collected"
# status = "failed"
# reason = ["pids", "oom"]
# logs = "temporarily unavailable"
# ///
import os

try:
    while True:
        os.fork()
except OSError as error:
    print(error)
    raise SystemExit(5)
