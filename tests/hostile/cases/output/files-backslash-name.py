# /// case
# promise = "a name with a backslash is left out"
# status = "success"
# logs = "backslash"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
open(here + '..\\x', 'w')
