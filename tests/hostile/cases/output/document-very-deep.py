# /// case
# promise = "an output.json of 100,000 levels is refused"
# status = "failed"
# reason = "output"
# says = "nested"
# ///
open('/sandbox/out/output.json', 'w').write('[' * 100000 + ']' * 100000)
