# /// case
# promise = "a link to the root among the files is not walked"
# status = "success"
# logs = "root: a symbolic link"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
os.symlink('/', here + 'root')
