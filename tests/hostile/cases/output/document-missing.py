# /// case
# promise = "a run without an output.json is no quiet success"
# status = "failed"
# reason = "output"
# says = "missing"
# ///
pass
