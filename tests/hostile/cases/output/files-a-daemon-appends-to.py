# /// case
# promise = "a small file to which daemons append at the end, and FIFOs that they hold open, keep nobody waiting"
# status = "success"
# output = {}
# files = ["grows"]
# within = 12.0
# ///
import json, os

os.chdir("/sandbox/out/files")
os.mkfifo("pipe")
open("grows", "w").close()
for _ in range(3):
    if not os.fork():
        os.setsid()
        pipe = os.open("pipe", os.O_RDWR)
        while True:
            with open("grows", "r+b", 0) as file:
                file.truncate(0)
                file.write(b"x" * 20_000)
            os.write(pipe, b"x")
            os.read(pipe, 1)
json.dump({}, open("/sandbox/out/output.json", "w"))
