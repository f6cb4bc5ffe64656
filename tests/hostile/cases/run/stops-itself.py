# /// case
# promise = "a skill that stops itself is gone at its deadline"
# status = "timeout"
# options = { timeout = "1s" }
# within = 8.0
# ///
import os, signal

os.kill(os.getpid(), signal.SIGSTOP)
