# /// case
# promise = "processes that spin on all processors are throttled together, and end at the deadline"
# status = "timeout"
# options = { timeout = "2s", cpu = "0.5" }
# says = "deadline"
# ///
import os

for _ in range(16):
    if not os.fork():
        break
while True:
    pass
