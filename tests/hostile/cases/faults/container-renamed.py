# /// case
# promise = "a run whose container is renamed by somebody else ends in bounded time, with one status"
# status = "success"
# meddle = "rename"
# output = {}
# ///
import json, time

print("on", flush=True)
time.sleep(1)
json.dump({}, open("/sandbox/out/output.json", "w"))
