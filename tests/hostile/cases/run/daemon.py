# /// case
# promise = "a daemon (setsid, double fork) is gone with its skill's deadline"
# status = "timeout"
# options = { timeout = "1s" }
# within = 8.0
# ///
import os, time

if os.fork():
    time.sleep(60)
os.setsid()
if os.fork():
    os._exit(0)
time.sleep(60)
