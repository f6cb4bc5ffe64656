# /// case
# promise = "a worker's clock that jumps an hour back gives no run more time"
# status = "timeout"
# meddle = "an hour back"
# options = { timeout = "2s" }
# within = 8.0
# ///
import time

print("on", flush=True)
time.sleep(60)
