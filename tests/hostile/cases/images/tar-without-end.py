# /// case
# promise = "an image whose own tar sends a file without end is stopped at the cap"
# status = "failed"
# reason = "output"
# says = "larger than"
# image = { run = '''mv "$(command -v tar)" /usr/bin/real-tar; printf '#!/bin/sh\ncase "$1" in -cf) exec python3 -c "import sys, tarfile; info = tarfile.TarInfo(\\"out/files/a\\"); info.size = 1 << 32; out = sys.stdout.buffer; out.write(info.tobuf())\nwhile True: out.write(bytes(1 << 16))";; *) exec /usr/bin/real-tar "$@";; esac\n' >/usr/bin/tar; chmod 755 /usr/bin/tar''' }
# options = { timeout = "20s", cpu = "2" }
# within = 60.0
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
