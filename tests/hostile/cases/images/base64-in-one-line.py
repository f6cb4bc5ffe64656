# /// case
# promise = "an image whose base64 writes one endless line has its output read"
# status = "success"
# output = {}
# files = ["a"]
# within = 20.0
# image = { run = '''mv "$(command -v base64)" /usr/bin/real-base64; printf '#!/bin/sh\nyes QUJD | tr -d "\\n"\n' >/usr/bin/base64; chmod 755 /usr/bin/base64''' }
# ///
import json

json.dump({}, open("/sandbox/out/output.json", "w"))
open("/sandbox/out/files/a", "w").write("x" * 5000)
