# /// case
# promise = "an output.json that is a link is refused; the host never follows it"
# status = "failed"
# reason = "output"
# says = "symbolic link"
# ///
import os
os.symlink('/etc/passwd', '/sandbox/out/output.json')
