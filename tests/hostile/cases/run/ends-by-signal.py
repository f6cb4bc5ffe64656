# /// case
# promise = "an end by a signal is a failure that says which"
# status = "failed"
# reason = "exit"
# says = "exit code 139"
# ///
import os, signal

os.kill(os.getpid(), signal.SIGSEGV)
