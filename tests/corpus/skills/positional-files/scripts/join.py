import os
import sys

for path in sys.argv[1:]:
    with open(path) as file:
        print(f"{os.path.basename(path)}: {file.read().strip()}")
