# /// case
# promise = "the supervisor's word is in no memory that a skill can read"
# status = "success"
# output = []
# ///
import json, os, re

found = set()
for pid in filter(str.isdigit, os.listdir("/proc")):
    for folder in (f"/proc/{pid}", f"/proc/{pid}/task/{pid}"):
        try:
            for line in open(f"{folder}/maps"):
                start, end = (int(n, 16) for n in line.split()[0].split("-"))
                if int(pid) != os.getpid() and "rw" in line.split()[1]:
                    with open(f"{folder}/mem", "rb", 0) as memory:
                        memory.seek(start)
                        found |= set(re.findall(rb"[0-9a-f]{32}", memory.read(end - start)))
        except OSError:
            pass
json.dump(sorted(word.decode() for word in found), open("/sandbox/out/output.json", "w"))
