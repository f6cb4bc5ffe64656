# /// case
# promise = "a cancel is heard amid a traceback that is passed on as one, before a listener that is slow"
# meddle = "cancel"
# listener_takes = 0.02
# status = "cancelled"
# within = 8.0
# ///
import os, time

os.write(2, b"begin\nTraceback (most recent call last):\n" + b"  at\n" * 900 + b"E: x\n" + b"y\n" * 8000)
time.sleep(60)
