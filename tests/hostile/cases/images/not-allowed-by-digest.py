# /// case
# promise = "an image named past the allowlist, by its digest, is refused"
# status = "failed"
# reason = "policy"
# says = "allow"
# front = "image: python@sha256:0000000000000000000000000000000000000000000000000000000000000000"
# within = 5.0
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
