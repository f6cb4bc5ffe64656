# /// case
# promise = "out of memory is named also when only a child died of it"
# status = "failed"
# reason = "oom"
# needs = "memory accounting"
# ///
import subprocess, sys

subprocess.run([sys.executable, "-c", "x = bytearray(900 << 20)"], check=True)
