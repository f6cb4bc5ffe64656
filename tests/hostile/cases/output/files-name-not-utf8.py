# /// case
# promise = "a name that is no UTF-8 is left out, and shown readably"
# status = "success"
# logs = "not collected"
# files = []
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
open(here.encode() + b'a\xff\xfeb', 'w')
