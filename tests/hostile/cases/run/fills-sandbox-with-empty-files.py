# /// case
# promise = "filling /sandbox with empty files ends in 'no space': their number is limited too"
# status = "failed"
# reason = "disk"
# options = { timeout = "40s", cpu = "2" }
# gvisor = { why = "sets no limit to the number of files: each is memory of the runtime, which has one", status = ["timeout", "failed"], reason = "oom", within = 60.0 }
# ///
import json

number = 0
try:
    while True:
        open(f"/sandbox/{number}", "w").close()
        number += 1
except OSError as error:
    raise SystemExit(str(error))
