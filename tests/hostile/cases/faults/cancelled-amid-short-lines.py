# /// case
# promise = "a cancel is heard within two seconds amid a flood of short lines, before a listener that is slow"
# meddle = "cancel"
# listener_takes = 0.01
# status = "cancelled"
# within = 8.0
# ///
import os, time

os.write(1, b"x\n" * 16384)
time.sleep(60)
