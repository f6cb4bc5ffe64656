# /// case
# promise = "a skill that breaks the supervisor's memory ends its own sandbox, and nothing else"
# status = "failed"
# reason = ["infrastructure", "output", "exit"]
# options = { timeout = "3s" }
# within = 12.0
# ///
import time

broken = 0
try:
    for line in open("/proc/1/maps"):
        start, end = (int(n, 16) for n in line.split()[0].split("-"))
        if "[heap]" in line or "[stack]" in line:
            with open("/proc/1/mem", "r+b", 0) as memory:
                memory.seek(start)
                memory.write(b"\xcc" * (end - start))
                broken += 1
except OSError as error:
    print(error)
raise SystemExit(1)
