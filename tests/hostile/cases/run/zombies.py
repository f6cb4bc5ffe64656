# /// case
# promise = "orphans are reaped by PID 1: two thousand in a row fill no table"
# status = "success"
# output = 2000
# options = { timeout = "60s" }
# gvisor = { why = "takes longer to make a process, with a process of the host for each", options = { timeout = "240s" }, within = 250.0 }
# ///
import json, os

done = 0
while done < 2000:
    pid = os.fork()
    if not pid:
        if os.fork():
            os._exit(0)
        os._exit(0)
    os.waitpid(pid, 0)
    done += 1
json.dump(done, open("/sandbox/out/output.json", "w"))
