# /// case
# promise = "an image whose own tar sends without end is stopped at the cap"
# status = "failed"
# reason = ["output", "infrastructure"]
# image = { run = '''mv "$(command -v tar)" /usr/bin/real-tar; printf '#!/bin/sh\ncase "$1" in -cf) while :; do /usr/bin/real-tar -cf - -C /usr bin | head -c 100000000; done;; *) exec /usr/bin/real-tar "$@";; esac\n' >/usr/bin/tar; chmod 755 /usr/bin/tar''' }
# options = { timeout = "20s", cpu = "2" }
# within = 60.0
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
