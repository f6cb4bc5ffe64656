# /// case
# promise = "an image that declares a VOLUME, a writable place without a limit, is refused"
# status = "failed"
# reason = "policy"
# says = "/data"
# image = { config = { Volumes = { "/data" = {} } } }
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
