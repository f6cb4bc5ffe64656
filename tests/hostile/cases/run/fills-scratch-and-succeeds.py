# /// case
# promise = "a skill that fills its scratch area and ends well has its output collected"
# status = "success"
# output = "done"
# files = []
# options = { timeout = "40s", cpu = "2" }
# ///
import json

json.dump("done", open("/sandbox/out/output.json", "w"))
try:
    with open("/sandbox/big", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
except OSError as error:
    print(error)
