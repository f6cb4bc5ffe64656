import os
import sys

if len(sys.argv) != 2:
    print("usage: measure.py FILE", file=sys.stderr)
    sys.exit(2)
print(os.path.getsize(sys.argv[1]))
