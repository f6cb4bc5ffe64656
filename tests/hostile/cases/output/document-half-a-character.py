# /// case
# promise = "an output.json with half a character is refused"
# status = "failed"
# reason = "output"
# says = "half a character"
# ///
open('/sandbox/out/output.json', 'w').write('["\\ud800"]')
