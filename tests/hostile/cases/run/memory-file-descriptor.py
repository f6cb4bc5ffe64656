# /// case
# promise = "memory behind a memfd counts as well"
# status = "failed"
# reason = ["oom", "exit"]
# needs = "memory accounting"
# ///
import os

files = []
for _ in range(8):
    fd = os.memfd_create("x")
    files.append(fd)
    for _ in range(120):
        os.write(fd, bytes(1 << 20))
