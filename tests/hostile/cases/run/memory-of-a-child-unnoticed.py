# /// case
# promise = "a child that dies for memory, unnoticed by a parent that ends well, is a success with a warning"
# status = "success"
# output = "done"
# warns = ["killed one of its processes for memory", "resources.memory", "peak"]
# needs = "memory accounting"
# ///
import json, subprocess, sys

subprocess.run([sys.executable, "-c", "x = bytearray(900 << 20)"])
json.dump("done", open("/sandbox/out/output.json", "w"))
