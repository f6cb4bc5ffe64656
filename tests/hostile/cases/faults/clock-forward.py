# /// case
# promise = "a worker's clock that jumps an hour ahead ends no run before its deadline"
# status = "success"
# output = {}
# meddle = "an hour ahead"
# ///
import json, time

print("on", flush=True)
time.sleep(1.5)
json.dump({}, open("/sandbox/out/output.json", "w"))
