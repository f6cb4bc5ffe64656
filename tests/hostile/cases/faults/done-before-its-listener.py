# /// case
# promise = "a skill that is done in its time succeeds, though its lines take longer than that to be shown"
# listener_takes = 0.001
# status = "success"
# output = 1
# options = { timeout = "3s" }
# within = 25.0
# ///
import json, os

json.dump(1, open("/sandbox/out/output.json", "w"))
os.write(1, b"x\n" * 8192)
