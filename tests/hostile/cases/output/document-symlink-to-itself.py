# /// case
# promise = "an output.json that links to itself is refused"
# status = "failed"
# reason = "output"
# says = "symbolic link"
# ///
import os
os.symlink('output.json', '/sandbox/out/output.json')
