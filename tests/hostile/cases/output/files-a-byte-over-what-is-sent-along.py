# /// case
# promise = "an output just over what is sent along is read whole"
# status = "success"
# output = {}
# files = ["a", "b"]
# ///
import json, os

json.dump({}, open("/sandbox/out/output.json", "w"))
# Headers of two folders and three files, the contents in blocks, two blocks at the end: 72,000 bytes may come.
open("/sandbox/out/files/a", "wb").write(os.urandom(67_000))
open("/sandbox/out/files/b", "wb").write(b".")
