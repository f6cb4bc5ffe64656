# /// case
# promise = "a run whose container is killed by somebody else ends in bounded time, with one status"
# status = "failed"
# meddle = "kill"
# reason = "infrastructure"
# says = "lost"
# ///
import json, time

print("on", flush=True)
time.sleep(15)
json.dump({}, open("/sandbox/out/output.json", "w"))
