# /// case
# promise = "a child that floods the supervisor with signals does not hide that the skill has ended"
# status = "success"
# output = "done"
# options = { timeout = "8s" }
# within = 12.0
# ///
import json, os, signal

json.dump("done", open("/sandbox/out/output.json", "w"))
for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGHUP):
    if os.fork() == 0:
        while True:
            os.kill(1, number)
