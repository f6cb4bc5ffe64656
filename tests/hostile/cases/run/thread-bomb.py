# /// case
# promise = "a thread bomb stops at the process limit"
# status = "failed"
# reason = "pids"
# logs = "can't start new thread"
# gvisor = { why = "has processes of its own; the host counts its threads and their memory, and ends it as a whole", status = "failed", reason = ["oom", "infrastructure"] }
# ///
import threading, time

while True:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
