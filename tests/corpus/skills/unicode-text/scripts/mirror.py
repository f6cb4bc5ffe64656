import sys

print(f"{sys.argv[1]} ⇄ {sys.argv[1][::-1]}", end="")
