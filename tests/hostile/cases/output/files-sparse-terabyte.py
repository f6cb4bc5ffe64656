# /// case
# promise = "a sparse file of a terabyte can't be made: the size of a file is limited"
# status = "failed"
# reason = "disk"
# logs = "File too large"
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open(here + 'big', 'wb') as file:
    file.truncate(1 << 40)
