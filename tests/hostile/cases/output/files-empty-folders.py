# /// case
# promise = "folders with nothing in them are named, not lost silently"
# status = "success"
# logs = "empty folder"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
os.makedirs(here + 'a/b/c')
