# /// case
# promise = "an output.json that is no JSON is refused"
# status = "failed"
# reason = "output"
# says = "not JSON"
# ///
open('/sandbox/out/output.json', 'w').write('{\'a\': 1}')
