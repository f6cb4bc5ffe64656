# /// case
# promise = "a daemon left behind by a skill that ended writes nothing while its output is collected"
# status = "success"
# output = {}
# files = ["first"]
# ///
import json, os, time

if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    time.sleep(0.3)
    n = 0
    while True:
        open(f"/sandbox/out/files/late-{n}", "w")
        n += 1
open("/sandbox/out/files/first", "w").close()
json.dump({}, open("/sandbox/out/output.json", "w"))
