# /// case
# promise = "a hard link to the skill's own input is a file like any other"
# status = "success"
# files = ["input"]
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
os.link('/sandbox/input.json', here + 'input')
