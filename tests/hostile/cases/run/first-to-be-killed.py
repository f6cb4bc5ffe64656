# /// case
# promise = "the kernel can't be told to kill the supervisor first when memory runs out"
# status = "success"
# output = "done"
# front = "resources: {memory: 64Mi}"
# warns = "the kernel killed"
# within = 40.0
# gvisor = { why = "holds the memory of all its processes, so the host ends it as a whole", status = "failed", reason = "oom" }
# ///
import json, os, time

for file, most in (("oom_score_adj", "1000"), ("oom_adj", "15")):
    for folder in ("/proc/1", "/proc/1/task/1"):
        try:
            open(f"{folder}/{file}", "w").write(most)
        except OSError:
            pass
children = []
# Each is small: what counts then is what the kernel was told.
for _ in range(40):
    if (child := os.fork()) == 0:
        open("/proc/self/oom_score_adj", "w").write("600")
        taken = [bytearray(1 << 20) for _ in range(24)]
        time.sleep(2)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
json.dump("done", open("/sandbox/out/output.json", "w"))
