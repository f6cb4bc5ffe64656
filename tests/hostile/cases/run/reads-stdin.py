# /// case
# promise = "nothing of the delivery is left to be read on standard input or behind the supervisor's"
# status = "success"
# output = [0, false]
# ///
import json, os, sys

said = len(sys.stdin.buffer.read())
try:
    behind = os.path.exists("/proc/1/fd/0") and bool(os.read(os.open("/proc/1/fd/0", os.O_RDONLY | os.O_NONBLOCK), 1))
except OSError:
    behind = False
json.dump([said, behind], open("/sandbox/out/output.json", "w"))
