# /// case
# promise = "an output.json with a key twice is refused"
# status = "failed"
# reason = "output"
# says = "duplicate key"
# ///
open('/sandbox/out/output.json', 'w').write('{"a": 1, "a": 2}')
