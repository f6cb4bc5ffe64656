# /// case
# promise = "100 MB of files pass through the worker without filling its memory"
# status = "success"
# memory = 32
# options = { timeout = "60s", cpu = "2" }
# within = 60.0
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
block = os.urandom(1 << 20)
with open(here + 'big', 'wb') as file:
    for _ in range(100):
        file.write(block)
