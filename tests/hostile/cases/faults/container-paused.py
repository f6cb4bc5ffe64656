# /// case
# promise = "a run whose container is paused by somebody else ends in bounded time, with one status"
# status = "timeout"
# meddle = "pause"
# options = { timeout = "2s" }
# within = 15.0
# ///
import json, time

print("on", flush=True)
time.sleep(15)
json.dump({}, open("/sandbox/out/output.json", "w"))
