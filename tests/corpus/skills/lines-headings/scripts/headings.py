import sys

with open(sys.argv[1]) as file:
    for line in file:
        if line.startswith("#"):
            print(line.strip("# \n"))
