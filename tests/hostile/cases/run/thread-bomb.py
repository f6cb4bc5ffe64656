# /// case
# promise = "a thread bomb stops at the process limit"
# status = "failed"
# reason = "pids"
# logs = "can't start new thread"
# ///
import threading, time

while True:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
