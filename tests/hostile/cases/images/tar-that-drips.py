# /// case
# promise = "an output stream that only drips has a deadline of its own"
# status = "failed"
# reason = "infrastructure"
# says = "deadline"
# within = 20.0
# patched = { "skillbox_core.sandbox.container.COLLECT_TIMEOUT" = 2.0 }
# image = { run = '''mv "$(command -v tar)" /usr/bin/real-tar; printf '#!/bin/sh\ncase "$1" in -cf) while :; do printf x; sleep 0.2; done;; *) exec /usr/bin/real-tar "$@";; esac\n' >/usr/bin/tar; chmod 755 /usr/bin/tar''' }
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
