# /// case
# promise = "a skill that kills itself as the sandbox's clock would has not reached its deadline"
# status = "failed"
# reason = "exit"
# says = "SIGKILL"
# ///
import os, signal

os.kill(os.getpid(), signal.SIGKILL)
