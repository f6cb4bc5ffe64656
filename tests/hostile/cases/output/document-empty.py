# /// case
# promise = "an empty output.json is refused"
# status = "failed"
# reason = "output"
# says = "empty"
# ///
open('/sandbox/out/output.json', 'w')
