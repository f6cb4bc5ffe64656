# /// case
# promise = "an out folder that was removed is no output"
# status = "failed"
# reason = "output"
# says = "missing"
# ///
import shutil
shutil.rmtree('/sandbox/out')
