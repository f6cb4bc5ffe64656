# /// case
# promise = "terminal codes are kept as text in the record, and the run is not confused by them"
# status = "success"
# logs = ["title", "31m"]
# ///
import json

print("\x1b]0;title\x07\x1b[2J\x1b[8m hidden \x1b[0m\n\r\x08\x9b31m")
json.dump({}, open("/sandbox/out/output.json", "w"))
