# /// case
# promise = "a name with a newline is left out, and shown as one line"
# status = "success"
# logs = "control or invisible"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
open(here + 'a\nb', 'w')
