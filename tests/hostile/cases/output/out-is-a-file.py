# /// case
# promise = "an out folder replaced by a file is no output"
# status = "failed"
# reason = "output"
# says = "missing"
# ///
import os, shutil
shutil.rmtree('/sandbox/out')
open('/sandbox/out', 'w').write('x')
