# /// case
# promise = "PID 1 can't be ended from inside, by whatever signal"
# status = "success"
# output = {}
# gvisor = { why = "lets a process end PID 1, and the sandbox with it: what it leaves is lost, and nothing goes on", status = "failed", reason = ["infrastructure", "exit"] }
# ///
import json, os, signal

for number in set(range(1, 65)):
    try:
        os.kill(1, number)
    except OSError:
        pass
json.dump({}, open("/sandbox/out/output.json", "w"))
