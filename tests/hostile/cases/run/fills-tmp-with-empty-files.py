# /// case
# promise = "filling /tmp with empty files ends in 'no space': their number is limited too"
# status = "success"
# output = "No space left on device"
# options = { timeout = "40s", cpu = "2" }
# gvisor = { why = "sets no limit to the number of files: each is memory of the runtime, which has one", status = ["timeout", "failed"], reason = "oom", within = 60.0 }
# ///
import json

number = 0
try:
    while True:
        open(f"/tmp/{number}", "w").close()
        number += 1
except OSError as error:
    json.dump(error.strerror, open("/sandbox/out/output.json", "w"))
