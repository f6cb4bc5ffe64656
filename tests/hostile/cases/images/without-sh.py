# /// case
# promise = "an image without a shell ends in an error that names what is missing"
# status = "failed"
# reason = ["infrastructure", "policy"]
# says = "sh"
# image = { base = "empty" }
# # What can't be started can't wait either.
# never_waits = true
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
