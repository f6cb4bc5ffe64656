# /// case
# promise = "a child that dies for memory, unnoticed by a parent that ends well, is a success with a warning"
# status = "success"
# output = "done"
# warns = ["killed one of its processes for memory", "resources.memory", "peak"]
# needs = "memory accounting"
# gvisor = { why = "holds the memory of all its processes, so the host ends it as a whole", status = "failed", reason = "oom" }
# ///
import json, subprocess, sys

subprocess.run([sys.executable, "-c", "x = bytearray(900 << 20)"])
json.dump("done", open("/sandbox/out/output.json", "w"))
