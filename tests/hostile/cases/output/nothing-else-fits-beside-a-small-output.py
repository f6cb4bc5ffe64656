# /// case
# promise = "a small output of a sandbox whose disks and memory are full is collected"
# status = "success"
# output = { small = true }
# files = ["a"]
# options = { memory = "32Mi" }
# within = 25.0
# ///
import json

json.dump({"small": True}, open("/sandbox/out/output.json", "w"))
open("/sandbox/out/files/a", "w").write("a" * 1000)
for place in ("/sandbox/fill", "/tmp/fill", "/dev/shm/fill"):
    try:
        with open(place, "wb", 0) as file:
            while True:
                file.write(b"x" * 65536)
    except OSError:
        pass
