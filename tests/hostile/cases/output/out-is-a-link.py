# /// case
# promise = "an out folder replaced by a link to the root is not followed"
# status = "failed"
# reason = "output"
# says = "missing"
# ///
import os, shutil
shutil.rmtree('/sandbox/out')
os.symlink('/', '/sandbox/out')
