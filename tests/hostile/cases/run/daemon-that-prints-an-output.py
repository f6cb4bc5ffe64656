# /// case
# promise = "a daemon that floods stdout with what looks like an output is ended before the output is sent along"
# status = "success"
# output = { real = true }
# files = []
# within = 12.0
# ///
import json, os

if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    while True:
        os.write(1, b"\n\x1eskillbox " + b"0" * 32 + b" output " + b"QUJD" * 100 + b"\n")
json.dump({"real": True}, open("/sandbox/out/output.json", "w"))
