# /// case
# promise = "an output stream that stalls has a deadline of its own"
# status = "failed"
# reason = "infrastructure"
# within = 40.0
# patched = { "skillbox_core.sandbox.engine.REQUEST_TIMEOUT" = 3.0 }
# image = { run = '''mv "$(command -v tar)" /usr/bin/real-tar; printf '#!/bin/sh\ncase "$1" in -cf) sleep 60;; *) exec /usr/bin/real-tar "$@";; esac\n' >/usr/bin/tar; chmod 755 /usr/bin/tar''' }
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
