# /// case
# promise = "a skill finds nothing of what was before it, and of its supervisor no word of any job"
# status = "success"
# output = [["the supervisor", "itself"], [], [], ["in", "input.json", "out", "scripts"], [], []]
# ///
import json, os, pathlib

processes = sorted((p for p in os.listdir("/proc") if p.isdigit()), key=int)
kinds = {"1": "the supervisor", str(os.getpid()): "itself"}
def told(process):
    return pathlib.Path("/proc", process, "cmdline").read_bytes().split(b"\0")
# Beside them only the clock of its own deadline, a shell and its sleep.
others = [p for p in processes if p not in kinds and told(p)[0] not in (b"sh", b"sleep", b"/bin/sh")]
script, *words = told("1")[2:]
said = [word.decode() for word in words if word and word != b"skillbox" and not word.isdigit()]
left = [os.listdir("/tmp"), os.listdir("/dev/shm"), sorted(os.listdir("/sandbox"))]
found = [kinds[p] for p in processes if p in kinds]
json.dump([found, *left, others, said], open("/sandbox/out/output.json", "w"))
