# /// case
# promise = "the deadline is kept amid a flood of lines and of a bar's states, before a listener that is slow"
# listener_takes = 0.01
# status = "timeout"
# options = { timeout = "2s" }
# within = 8.0
# ///
import os

while True:
    os.write(1, b"x\n" * 8192 + b"y\r" * 8192)
