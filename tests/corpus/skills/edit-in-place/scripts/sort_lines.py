import sys

path = sys.argv[1]
with open(path) as file:
    lines = sorted(file.readlines())
with open(path, "w") as file:
    file.writelines(lines)
