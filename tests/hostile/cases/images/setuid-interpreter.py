# /// case
# promise = "an interpreter that belongs to root with setuid gives nothing"
# status = "success"
# output = true
# image = { run = "cp -L /usr/bin/python3 /usr/local/bin/elevated; chmod 6755 /usr/local/bin/elevated" }
# ///
import json, os, subprocess

code = "import os; print(os.geteuid(), [l.split()[1] for l in open('/proc/self/status') if l.startswith('CapEff')][0])"
try:
    said = subprocess.run(["/usr/local/bin/elevated", "-c", code], capture_output=True, text=True).stdout.strip()
except PermissionError:
    said = "not to be started"
json.dump(said in ("not to be started", f"{os.getuid()} 0000000000000000") or said, open("/sandbox/out/output.json", "w"))
