# /// case
# promise = "of thousands of entries left out a hundred are named and the rest counted"
# status = "success"
# logs = "4900 more"
# options = { timeout = "30s", cpu = "2" }
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
for n in range(5000):
    os.symlink('x', f'{here}{n}')
