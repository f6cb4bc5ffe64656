# /// case
# promise = "a name with terminal codes is left out"
# status = "success"
# logs = "control or invisible"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
open(here + 'a\x1b[2Jb', 'w')
