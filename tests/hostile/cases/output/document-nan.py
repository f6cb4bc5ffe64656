# /// case
# promise = "an output.json with NaN in it is refused"
# status = "failed"
# reason = "output"
# says = "NaN"
# ///
import json
json.dump([float('nan')], open('/sandbox/out/output.json', 'w'))
