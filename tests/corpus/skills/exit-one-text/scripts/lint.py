import sys

found = 0
with open(sys.argv[1]) as file:
    for number, line in enumerate(file, 1):
        if line.rstrip("\n").endswith(" "):
            print(f"{sys.argv[1].rsplit('/', 1)[-1]}:{number}: trailing blank")
            found += 1
sys.exit(1 if found else 0)
