"""Fails, to show what a failure looks like: two lines of progress, one error, exit code 3."""

import sys

print("step 1: looking for the answer", flush=True)
print("step 2: still looking", flush=True)
print("always-fails: there is no answer, this skill fails on purpose", file=sys.stderr)
sys.exit(3)
