# /// case
# promise = "files outside files/ are named, not lost silently"
# status = "success"
# logs = "only files/ and output.json"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
open('/sandbox/out/stray', 'w')
