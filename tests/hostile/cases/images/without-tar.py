# /// case
# promise = "an image without tar ends in an error that names what is missing"
# status = "failed"
# reason = ["infrastructure", "policy"]
# says = "tar"
# image = { run = "rm -f /bin/tar /usr/bin/tar" }
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
