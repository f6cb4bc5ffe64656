# /// case
# promise = "a skill that sends the supervisor its own alarm is not late"
# status = "success"
# output = {}
# within = 12.0
# ///
import json, os, signal, time

json.dump({}, open("/sandbox/out/output.json", "w"))
for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGTERM):
    os.kill(1, number)
time.sleep(1)
