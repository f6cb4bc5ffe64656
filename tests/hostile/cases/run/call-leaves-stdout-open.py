# /// case
# promise = "a process that is left with a script's standard output neither holds up the run nor adds to its result"
# status = "success"
# output = "answer\n"
# options = { call = { script = "main.py", result = "text" } }
# within = 15.0
# ///
import os, time

print("answer", flush=True)
for _ in range(3):
    if not os.fork():
        os.setsid()
        time.sleep(0.7)
        while True:
            os.write(1, b"late\n")
            time.sleep(0.05)
