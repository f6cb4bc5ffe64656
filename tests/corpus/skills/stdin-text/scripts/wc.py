import sys

text = sys.stdin.read()
print(len(text.splitlines()), len(text.split()), len(text))
