# /// case
# promise = "a skill that sends the supervisor its own alarm is said to be late, nothing worse"
# status = ["timeout", "success"]
# within = 12.0
# ///
import json, os, signal, time

json.dump({}, open("/sandbox/out/output.json", "w"))
os.kill(1, signal.SIGUSR1)
time.sleep(1)
