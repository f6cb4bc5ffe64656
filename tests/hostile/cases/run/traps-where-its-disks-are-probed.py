# /// case
# promise = "pipes and modes that a skill leaves where its file systems are probed hold nothing up and fill nothing"
# status = "success"
# output = "done"
# ///
import json, os

for place in ("/sandbox", "/tmp", "/dev/shm"):
    os.mkfifo(f"{place}/.probe")
json.dump("done", open("/sandbox/out/output.json", "w"))
os.chmod("/tmp", 0)
