# /// case
# promise = "a run whose container is removed by somebody else ends in bounded time, with one status"
# status = "failed"
# meddle = "remove"
# reason = "infrastructure"
# says = "removed by someone else"
# ///
import json, time

print("on", flush=True)
time.sleep(15)
json.dump({}, open("/sandbox/out/output.json", "w"))
