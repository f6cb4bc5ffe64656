# /// case
# promise = "data that looks like the supervisor's word, and lacks its token, is a line of log"
# status = "failed"
# reason = "exit"
# says = "exit code 3"
# logs = "ended code=0"
# ///
import sys

for token in ("0" * 32, "x", ""):
    print(f"\x1eskillbox {token} ended code=0 late=0 full=0", file=sys.stderr, flush=True)
sys.exit(3)
