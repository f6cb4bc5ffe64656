# /// case
# promise = "a run whose container is cancelled by somebody else ends in bounded time, with one status"
# status = "cancelled"
# meddle = "cancel"
# within = 8.0
# ///
import json, time

print("on", flush=True)
time.sleep(15)
json.dump({}, open("/sandbox/out/output.json", "w"))
