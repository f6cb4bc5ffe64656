import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
for path in sorted(folder.rglob("*")):
    if path.is_file():
        print(path.relative_to(folder), path.stat().st_size)
