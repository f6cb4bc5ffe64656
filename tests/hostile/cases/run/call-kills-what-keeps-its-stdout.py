# /// case
# promise = "standard output that was not kept to its end is no result, however the script ended"
# status = "failed"
# reason = "output"
# says = "not kept to its end"
# options = { call = { script = "main.py", ok_exit_codes = [0, 1] } }
# ///
import os, signal

print('{"half": 1}', flush=True)
for process in os.listdir("/proc"):
    if process.isdigit():
        try:
            command = open(f"/proc/{process}/cmdline").read()
        except OSError:
            continue
        if command.startswith("tee\0"):
            os.kill(int(process), signal.SIGKILL)
os._exit(0)
