# /// case
# promise = "random bytes on both streams end in a readable, finished record"
# status = "success"
# options = { timeout = "30s", cpu = "2" }
# ///
import json, os, sys

for _ in range(64):
    sys.stdout.buffer.write(os.urandom(65536))
    sys.stderr.buffer.write(os.urandom(65536))
json.dump({}, open("/sandbox/out/output.json", "w"))
