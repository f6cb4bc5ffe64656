# /// case
# promise = "an output.json of 500 levels, which records and the next skill could not hold, is refused"
# status = "failed"
# reason = "output"
# says = "100 levels"
# ///
open('/sandbox/out/output.json', 'w').write('[' * 500 + ']' * 500)
