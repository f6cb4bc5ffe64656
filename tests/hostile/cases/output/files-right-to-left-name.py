# /// case
# promise = "a name that reads backwards is left out"
# status = "success"
# logs = "control or invisible"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
open(here + 'a\u202etxt.exe', 'w')
