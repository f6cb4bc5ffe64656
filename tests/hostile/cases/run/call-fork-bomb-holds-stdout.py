# /// case
# promise = "processes that fork faster than they are ended do not hold up the end of a script whose output they hold"
# status = ["success", "failed"]
# options = { call = { script = "main.py", result = "text" }, timeout = "40s" }
# within = 30.0
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
