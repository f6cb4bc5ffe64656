# /// case
# promise = "an output.json that is a pipe is refused, and nobody waits for it"
# status = "failed"
# reason = "output"
# says = "named pipe"
# within = 10.0
# ///
import os
os.mkfifo('/sandbox/out/output.json')
