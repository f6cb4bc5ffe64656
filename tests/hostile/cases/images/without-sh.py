# /// case
# promise = "an image without a shell ends in an error that names what is missing"
# status = "failed"
# reason = ["infrastructure", "policy"]
# says = "sh"
# image = { base = "empty" }
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
