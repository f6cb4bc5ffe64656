# /// case
# promise = "processes that fork faster than they are ended do not hold up the end of a script whose output they hold"
# status = ["success", "failed"]
# options = { call = { script = "main.py", result = "text" }, timeout = "40s" }
# within = 30.0
# gvisor = { why = "has processes of its own; the host counts its threads and their memory, and ends it as a whole", status = ["success", "failed"] }
# ///
import os, signal

print("answer", flush=True)
if os.fork():
    os._exit(0)
os.setsid()
for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD):
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        if os.fork():
            os._exit(0)
    except OSError:
        pass
