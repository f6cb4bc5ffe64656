# /// case
# promise = "NULs, control codes and broken UTF-8 end in a readable, finished record"
# status = "success"
# logs = ["\uFFFD", "end"]
# ///
import json, os, sys

sys.stdout.buffer.write(bytes(range(256)) * 64 + b"\xf0\x9f\x92\n" + "\u4e16".encode()[:2] + b"\nend\n")
json.dump({}, open("/sandbox/out/output.json", "w"))
