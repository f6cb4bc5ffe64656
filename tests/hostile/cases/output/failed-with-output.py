# /// case
# promise = "a skill that fails keeps what it wrote, and is not a success for it"
# status = "failed"
# reason = "exit"
# says = "exit code 1"
# output = {}
# files = ["a"]
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
open(here + 'a', 'w').write('x')
raise SystemExit(1)
