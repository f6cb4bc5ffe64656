# /// case
# promise = "anonymous shared memory counts as well"
# status = "failed"
# reason = "oom"
# needs = "memory accounting"
# ///
import mmap

area = mmap.mmap(-1, 900 << 20)
for at in range(0, len(area), 4096):
    area[at] = 1
