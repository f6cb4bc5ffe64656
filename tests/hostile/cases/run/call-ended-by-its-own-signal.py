# /// case
# promise = "a script that a signal ends has given no answer, whatever it printed"
# status = "failed"
# reason = "exit"
# says = "SIGKILL"
# options = { call = { script = "main.py", ok_exit_codes = [0, 1, 9, 125] } }
# ///
import os, signal

print('{"findings": []}', flush=True)
os.kill(os.getpid(), signal.SIGKILL)
