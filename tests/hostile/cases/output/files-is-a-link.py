# /// case
# promise = "a files folder replaced by a link is not followed, and said"
# status = "success"
# logs = "files: a symbolic link"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
os.rmdir(here)
os.symlink('/etc', here.rstrip('/'))
