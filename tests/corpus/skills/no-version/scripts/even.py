import sys

print("even" if int(sys.argv[1]) % 2 == 0 else "odd")
