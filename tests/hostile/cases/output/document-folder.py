# /// case
# promise = "an output.json that is a folder is refused"
# status = "failed"
# reason = "output"
# says = "a folder"
# ///
import os
os.mkdir('/sandbox/out/output.json')
