# /// case
# promise = "a second name of a file is left out, and said"
# status = "success"
# logs = "hard link"
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
open(here + 'a', 'w').write('x')
os.link(here + 'a', here + 'b')
