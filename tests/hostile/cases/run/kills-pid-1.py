# /// case
# promise = "PID 1 can't be ended from inside, by whatever signal"
# status = "success"
# output = {}
# ///
import json, os, signal

for number in set(range(1, 65)):
    try:
        os.kill(1, number)
    except OSError:
        pass
json.dump({}, open("/sandbox/out/output.json", "w"))
