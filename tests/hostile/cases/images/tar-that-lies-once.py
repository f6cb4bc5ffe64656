# /// case
# promise = "a tar that sends garbage along has the output read again"
# status = "success"
# output = {}
# files = ["a"]
# within = 20.0
# image = { run = '''mv "$(command -v tar)" /usr/bin/real-tar; printf '#!/bin/sh\nif [ "$1" = -cf ] && mkdir /tmp/first 2>/dev/null; then head -c 5000 /dev/urandom; exit; fi\nexec /usr/bin/real-tar "$@"\n' >/usr/bin/tar; chmod 755 /usr/bin/tar''' }
# ///
import json

json.dump({}, open("/sandbox/out/output.json", "w"))
open("/sandbox/out/files/a", "w").write("x" * 5000)
