# /// case
# promise = "a skill that closes its standard streams still ends properly"
# status = "success"
# output = {}
# ///
import json, os, time

for number in (0, 1, 2):
    os.close(number)
time.sleep(0.5)
json.dump({}, open("/sandbox/out/output.json", "w"))
