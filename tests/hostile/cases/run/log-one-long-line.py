# /// case
# promise = "one line of 100 MB, without an end, is broken into pieces and capped"
# status = "success"
# logs = "bytes of log are missing here"
# options = { timeout = "60s", cpu = "2" }
# ///
import json, sys

for _ in range(100):
    sys.stdout.write("x" * (1 << 20))
json.dump({}, open("/sandbox/out/output.json", "w"))
