# /// case
# promise = "an image whose base64 stalls has its output read, after two seconds"
# status = "success"
# output = {}
# files = ["a"]
# within = 20.0
# image = { run = '''mv "$(command -v base64)" /usr/bin/real-base64; printf '#!/bin/sh\nsleep 60\n' >/usr/bin/base64; chmod 755 /usr/bin/base64''' }
# ///
import json

json.dump({}, open("/sandbox/out/output.json", "w"))
open("/sandbox/out/files/a", "w").write("x" * 5000)
