# /// case
# promise = "a link among the files is left out, and said"
# status = "success"
# logs = "passwd: a symbolic link"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
os.symlink('/etc/passwd', here + 'passwd')
