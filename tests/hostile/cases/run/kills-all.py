# /// case
# promise = "killing everything it can reach, the supervisor's clock too, does not win a skill more time"
# status = "timeout"
# options = { timeout = "1s" }
# within = 8.0
# ///
import os, time

os.kill(-1, 9)
time.sleep(60)
