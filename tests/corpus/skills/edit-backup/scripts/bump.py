import os
import re
import sys

path = sys.argv[1]
with open(path) as file:
    text = file.read()
os.rename(path, path + ".bak")
with open(path, "w") as file:
    file.write(re.sub(r"\d+", lambda found: str(int(found[0]) + 1), text))
print(f"bumped {os.path.basename(path)}")
