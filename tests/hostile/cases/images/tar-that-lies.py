# /// case
# promise = "an image whose own tar sends garbage in place of the output is refused"
# status = "failed"
# reason = ["output", "infrastructure"]
# image = { run = '''mv "$(command -v tar)" /usr/bin/real-tar; printf '#!/bin/sh\ncase "$1" in -cf) head -c 100000 /dev/zero | tr "\\0" x;; *) exec /usr/bin/real-tar "$@";; esac\n' >/usr/bin/tar; chmod 755 /usr/bin/tar''' }
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
