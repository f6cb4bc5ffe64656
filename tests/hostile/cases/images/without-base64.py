# /// case
# promise = "an image without base64 has its output read"
# status = "success"
# output = {}
# files = ["a"]
# within = 20.0
# image = { run = '''rm -f /bin/base64 /usr/bin/base64''' }
# ///
import json

json.dump({}, open("/sandbox/out/output.json", "w"))
open("/sandbox/out/files/a", "w").write("x" * 5000)
