# /// case
# promise = "sparse files that claim more than the scratch area together are stopped while they are read"
# status = "failed"
# reason = "output"
# says = "sparse"
# options = { timeout = "60s", cpu = "2" }
# within = 60.0
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
for n in range(8):
    with open(f'{here}{n}', 'wb') as file:
        file.truncate(255 << 20)
