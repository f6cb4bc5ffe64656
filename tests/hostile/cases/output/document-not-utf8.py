# /// case
# promise = "an output.json that is not UTF-8 is refused"
# status = "failed"
# reason = "output"
# says = "not UTF-8"
# ///
open('/sandbox/out/output.json', 'wb').write(b'"\xff"')
