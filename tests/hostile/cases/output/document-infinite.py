# /// case
# promise = "an output.json with a number that becomes infinite is refused"
# status = "failed"
# reason = "output"
# says = "too large"
# ///
open('/sandbox/out/output.json', 'w').write('[1e400]')
