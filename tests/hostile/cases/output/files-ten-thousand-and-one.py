# /// case
# promise = "more than 10,000 files are refused, not cut silently"
# status = "failed"
# reason = "output"
# says = "10000 files"
# options = { timeout = "30s", cpu = "2" }
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
for n in range(10001):
    open(f'{here}{n}', 'w').close()
