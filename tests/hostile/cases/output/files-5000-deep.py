# /// case
# promise = "a tree 5,000 levels deep is left out, and removed with the sandbox"
# status = "success"
# logs = "levels deep"
# files = []
# options = { timeout = "30s", cpu = "2" }
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
os.chdir(here)
for _ in range(5000):
    os.mkdir('d')
    os.chdir('d')
open('x', 'w')
