# /// case
# promise = "paths longer than the system's own limit are left out, shortened"
# status = "success"
# logs = "not collected"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
os.chdir(here)
for _ in range(30):
    os.mkdir('d' * 200)
    os.chdir('d' * 200)
open('x', 'w')
