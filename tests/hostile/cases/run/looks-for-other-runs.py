# /// case
# promise = "nothing of an earlier run is left in any scratch area"
# status = "success"
# output = [[], [], ["in", "input.json", "out", "scripts"]]
# ///
import json, os

json.dump([os.listdir("/tmp"), os.listdir("/dev/shm"), sorted(os.listdir("/sandbox"))], open("/sandbox/out/output.json", "w"))
