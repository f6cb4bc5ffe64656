# /// case
# promise = "an output.json that has another name is taken as the file it is"
# status = "success"
# output = 7
# ///
import json, os
json.dump(7, open('/sandbox/out/output.json', 'w'))
os.link('/sandbox/out/output.json', '/sandbox/kept')
