# /// case
# promise = "an image that is not on the allowlist is refused before anything is pulled or made"
# status = "failed"
# reason = "policy"
# says = "evil:1"
# front = "image: evil:1"
# within = 5.0
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
