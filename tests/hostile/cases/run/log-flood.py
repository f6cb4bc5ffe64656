# /// case
# promise = "a flood of output is capped, marked as cut, and keeps its beginning and its end; the engine's log is bounded"
# status = "success"
# logs = ["first\n", "last\n", "bytes of log are missing here"]
# options = { timeout = "60s", cpu = "2" }
# ///
import json, sys

print("first")
line = "x" * 8191 + "\n"
for _ in range(25600):
    sys.stdout.write(line)
print("last")
json.dump({}, open("/sandbox/out/output.json", "w"))
