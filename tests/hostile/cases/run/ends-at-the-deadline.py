# /// case
# promise = "a skill that ends exactly at its deadline has exactly one status"
# status = ["success", "timeout"]
# options = { timeout = "1s" }
# ///
import json, time

json.dump({}, open("/sandbox/out/output.json", "w"))
time.sleep(0.9)
